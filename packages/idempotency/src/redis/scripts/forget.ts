import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'
import { luaStanding } from './standing.ts'

/**
 * Deletes a record that still stands as the operator saw it. Compares and deletes in one step: what
 * was indeterminate a moment ago may be running again, and forgetting that would let a second
 * execution begin beside it.
 *
 * ARGV: number of the standing it must have, fence it must have or ''.
 * Answer: {done}, {absent} or {refused, standing, fence}.
 */
export const forgetScript: ScriptForms = defineScript(
  'forget',
  true,
  `${luaPrelude}${luaStanding}
local header = redis.call('GETRANGE', KEYS[1], '0', HEADER_END)
if header == '' then return {ABSENT} end
local r = readHeader(header)
local standing, fence = standingOf(r, (now())), r and r.fence or 0
if standing ~= tonumber(ARGV[1]) or standing == RUNNING
  or (ARGV[2] ~= '' and fence ~= tonumber(ARGV[2])) then
  return {REFUSED, standing, fence}
end
redis.call('DEL', KEYS[1])
return {DONE}
`,
)
