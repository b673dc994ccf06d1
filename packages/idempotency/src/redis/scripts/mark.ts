import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Moves a claim past its commit point, or declares its outcome unknown. Only for the owner's token,
 * in the same step as the write: an owner that was replaced must learn it before its effect begins.
 * Crossing the commit point also prolongs the lease, so that the effect begins with a whole one.
 *
 * A recovery that finds the effect not to have happened becomes an ordinary claim. A commit point that
 * an owner has passed is never taken back.
 *
 * ARGV: token, new state, lease ms, grace ms. Answer: 1 done, 0 not this claim's any more.
 */
export const markScript: ScriptForms = defineScript(
  'mark',
  true,
  `${luaPrelude}
local r = readHeader(redis.call('GETRANGE', KEYS[1], '0', HEADER_END))
if not r or r.finished or r.token ~= ARGV[1] then return 0 end
local state = tonumber(ARGV[2])
if state ~= INDETERMINATE and not r.running then return 0 end
if state == STARTED and r.state == COMMITTED then return 0 end

local leaseMs = state ~= INDETERMINATE and tonumber(ARGV[3]) or 0
r.state, r.leaseUntil = state, now() + leaseMs
redis.call('SETRANGE', KEYS[1], 0, pack(r))
redis.call('PEXPIRE', KEYS[1], leaseMs + tonumber(ARGV[4]))
return 1
`,
)
