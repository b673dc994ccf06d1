import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Gives an unfinished claim up. Compares the token and deletes in one step: an owner that fails late
 * must not delete the claim of the next one. Nothing there is also released, so the step can be
 * repeated.
 *
 * A recovery that is given up leaves the record indeterminate: deleting it would let the next request
 * execute what may have been executed. So a claim whose answer was lost can be taken back blindly.
 *
 * A record with a checkpoint stays, with its lease at an end: the next owner goes on from there. Its
 * token becomes zeros, so that a renewal still under way cannot prolong what was given up. A record
 * that was taken over stays in the same way: its next owner has to be told that it is not the first.
 *
 * ARGV: token. Answer: 1 released, 0 not this claim's, or finished.
 */
export const releaseScript: ScriptForms = defineScript(
  'release',
  true,
  `${luaPrelude}
local NOBODY = string.rep('\\0', 16)
local header = redis.call('GETRANGE', KEYS[1], '0', HEADER_END)
if header == '' then return 1 end
local r = readHeader(header)
if r and r.token == NOBODY then return 1 end
if not r or r.finished or r.token ~= ARGV[1] then return 0 end
local recovering = r.state == RECOVERING
local isFirst = r.attempt == 1 and redis.call('STRLEN', KEYS[1]) == HEADER
if isFirst and not recovering then
  redis.call('DEL', KEYS[1])
  return 1
end
r.state, r.leaseUntil, r.token = recovering and INDETERMINATE or STARTED, now(), NOBODY
redis.call('SETRANGE', KEYS[1], 0, pack(r))
return 1
`,
)
