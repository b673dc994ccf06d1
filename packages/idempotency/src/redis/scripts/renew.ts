import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Prolongs the lease of a running claim. Compares the token and writes in one step: a renewal that
 * was delayed in the network must not prolong the claim of the next owner. A lapsed lease that
 * nobody took over is still its owner's.
 *
 * ARGV: token, lease ms, grace ms. Answer: 1 prolonged, 0 not this claim's any more.
 */
export const renewScript: ScriptForms = defineScript(
  'renew',
  true,
  `${luaPrelude}
local r = readHeader(redis.call('GETRANGE', KEYS[1], '0', HEADER_END))
if not r or not r.running or r.token ~= ARGV[1] then return 0 end
local leaseMs = tonumber(ARGV[2])
redis.call('SETRANGE', KEYS[1], 14, struct.pack('>I8', now() + leaseMs))
redis.call('PEXPIRE', KEYS[1], leaseMs + tonumber(ARGV[3]))
return 1
`,
)
