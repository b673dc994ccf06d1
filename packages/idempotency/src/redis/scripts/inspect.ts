import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Reads a record together with the server's clock and the key's remaining life: three commands
 * apart could describe three moments.
 *
 * Answer: the record or nil, now in Unix ms, remaining life in ms.
 */
export const inspectScript: ScriptForms = defineScript(
  'inspect',
  false,
  `${luaPrelude}
local nowMs = now()
return {redis.call('GET', KEYS[1]), nowMs, redis.call('PTTL', KEYS[1])}
`,
)
