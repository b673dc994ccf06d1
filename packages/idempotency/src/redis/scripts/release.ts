import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Forgets an unfinished claim. Compares the token and deletes in one step: an owner that fails late
 * must not delete the claim of the next one. Nothing there is also released, so the step can be
 * repeated.
 *
 * ARGV: token. Answer: 1 released, 0 not this claim's, or finished.
 */
export const releaseScript: ScriptForms = defineScript(
  'release',
  true,
  `
local header = redis.call('GETRANGE', KEYS[1], 0, HEADER - 1)
if header == '' then return 1 end
local r = readHeader(header)
if not r or r.finished or r.token ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
`,
)
