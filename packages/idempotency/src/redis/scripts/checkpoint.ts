import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Writes down what a running claim has done so far, in place of what it wrote before. Only for the
 * owner's token, in the same step as the write: an owner that was replaced must not undo the steps
 * of its successor. A checkpoint is a sign of life, so it prolongs the lease. It is written also
 * when the server is full, like a result: what it tells has been done.
 *
 * ARGV: token, lease ms, grace ms, payload. Answer: 1 written, 0 not this claim's any more.
 */
export const checkpointScript: ScriptForms = defineScript(
  'checkpoint',
  true,
  `${luaPrelude}
local r = readHeader(redis.call('GETRANGE', KEYS[1], '0', HEADER_END))
if not r or not r.running or r.token ~= ARGV[1] then return 0 end
local leaseMs = tonumber(ARGV[2])
r.leaseUntil = now() + leaseMs
redis.call('SET', KEYS[1], pack(r) .. ARGV[4], 'PX', leaseMs + tonumber(ARGV[3]))
return 1
`,
)
