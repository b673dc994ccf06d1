import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'
import { luaStanding } from './standing.ts'

/**
 * Finishes an indeterminate record. Compares and writes in one step: meanwhile its owner may have
 * come back and completed it, or a recovery may have begun. The new token makes the owner's late
 * result stale, because clients may have been given this one; the higher fence does the same
 * outside the store. The same token again is the same resolution.
 *
 * ARGV: token, state, retention ms, fence it must have or '', payload.
 * Answer: {done}, {absent} or {refused, standing, fence}.
 */
export const resolveScript: ScriptForms = defineScript(
  'resolve',
  true,
  `${luaPrelude}${luaStanding}
local header = redis.call('GETRANGE', KEYS[1], '0', HEADER_END)
if header == '' then return {ABSENT} end
local r = readHeader(header)
if not r then return {REFUSED, UNREADABLE, 0} end
if r.finished and r.token == ARGV[1] then return {DONE} end
local nowMs, nowUs = now()
local standing = standingOf(r, nowMs)
if standing ~= UNKNOWN or (ARGV[4] ~= '' and r.fence ~= tonumber(ARGV[4])) then
  return {REFUSED, standing, r.fence}
end
r.state, r.token, r.leaseUntil = tonumber(ARGV[2]), ARGV[1], nowMs
r.fence = math.max(r.fence + 1, nowUs)
redis.call('SET', KEYS[1], pack(r) .. ARGV[5], 'PX', tonumber(ARGV[3]))
return {DONE}
`,
)
