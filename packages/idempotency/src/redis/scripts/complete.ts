import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Stores a result and starts its retention. Only for the owner's token: what a replaced owner
 * brings late must not hide the result of the newer one. Repeated with the same token it changes
 * nothing, so a lost answer can be asked for again. A record that is gone (evicted, flushed, lost
 * in a failover) is written anew, because what was done is known.
 *
 * ARGV: token, fingerprint, attempt, fence, state, retention ms, payload.
 * Answer: 1 stored, 0 not this claim's any more.
 */
export const completeScript: ScriptForms = defineScript(
  'complete',
  true,
  `
local nowMs = now()
local created = nowMs
local header = redis.call('GETRANGE', KEYS[1], 0, HEADER - 1)
if header ~= '' then
  local r = readHeader(header)
  if not r or r.token ~= ARGV[1] then return 0 end
  if r.finished then return 1 end
  created = r.created
end
local done = {
  state = tonumber(ARGV[5]), attempt = tonumber(ARGV[3]), fence = tonumber(ARGV[4]),
  leaseUntil = nowMs, created = created, token = ARGV[1], fingerprint = ARGV[2],
}
redis.call('SET', KEYS[1], pack(done) .. ARGV[7], 'PX', tonumber(ARGV[6]))
return 1
`,
)
