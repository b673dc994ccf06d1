/*
 * A handler's transaction is begun and ended by the consumer, because the acknowledgement depends on
 * it. This finds statements that would end or replace it, wherever they stand in the text.
 */

const SUSPICIOUS = /\b(begin|start|commit|end|rollback|abort|prepare|discard|set)\b/i

const FORBIDDEN = [
  /^(begin|commit|end|abort|discard)\b/i,
  /^start\s+transaction\b/i,
  /^rollback\b(?!\s+(?:(?:work|transaction)\s+)?to\b)/i,
  /^prepare\s+transaction\b/i,
  /^set\s+session\b/i,
]

/** Strings, quoted names, dollar-quoted bodies and comments: nothing in them is a statement. */
const QUOTED =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$[A-Za-z_]?\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\//g

const verdicts = new Map<string, boolean>()
const REMEMBERED = 1_000

/** Whether the text begins, ends or replaces a transaction. Savepoints don't. */
export function controlsTransaction(sql: string): boolean {
  if (!SUSPICIOUS.test(sql)) return false
  const known = verdicts.get(sql)
  if (known !== undefined) return known
  const verdict = sql
    .replaceAll(QUOTED, ' ')
    .split(';')
    .map((statement) => statement.trim())
    .some((statement) => FORBIDDEN.some((pattern) => pattern.test(statement)))
  if (verdicts.size >= REMEMBERED) verdicts.clear()
  verdicts.set(sql, verdict)
  return verdict
}
