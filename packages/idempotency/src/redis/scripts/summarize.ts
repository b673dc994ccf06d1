import { luaPrelude } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'
import { luaStanding } from './standing.ts'

/**
 * Reads the header of a record if it is indeterminate. Decided here, because most of the records
 * that a listing comes across are finished, and their results need not travel to be thrown away.
 *
 * Answer: nil, or header, now in Unix ms, remaining life in ms.
 */
export const summarizeScript: ScriptForms = defineScript(
  'summarize',
  false,
  `${luaPrelude}${luaStanding}
local header = redis.call('GETRANGE', KEYS[1], '0', HEADER_END)
local nowMs = now()
if header == '' or standingOf(readHeader(header), nowMs) ~= UNKNOWN then return false end
return {header, nowMs, redis.call('PTTL', KEYS[1])}
`,
)
