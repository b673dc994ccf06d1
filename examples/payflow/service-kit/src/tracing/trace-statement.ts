import { SpanKind } from '@opentelemetry/api'
import { failSpan, isRecording, tracer } from './spans.ts'

/** As many texts as a service has, and more: texts made by somebody's input must not pile up. */
const SUMMARIES_MAX = 500
const TABLES_MAX = 3
const summaries = new Map<string, string>()

const verb = /^[\s(]*(\w+)/
/** What is written to; and what is read, unless it is a function: `from unnest(…)`. */
const table =
  /\b(?:into|(?<!\b(?:for|key|do)\s)update)\s+([\w."]+)|\b(?:(?<!(?:distinct|epoch)\s)from|join)\s+([\w."]+)(?![\w."]|\s*\()/gi
/** The function that is all a statement calls: `select ledger.capture(…)`. */
const call = /^\s*select\s+(?:[\w.*"]+\s+from\s+)?([\w"]+\.[\w"]+)\s*\(/i

/**
 * Sends a statement in a span, where somebody records what it belongs to. What the process does by
 * itself, polling for instance, has no span of its own.
 *
 * The span has the verb and the tables, never the text: values are parameters, but what is a
 * literal in one statement is somebody's data in the next.
 */
export function traceStatement<T>(statement: unknown, send: () => Promise<T>): Promise<T> {
  if (!isRecording()) return send()
  const summary = summaryOf(textOf(statement))
  const span = tracer.startSpan(summary, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', 'db.query.summary': summary },
  })
  return send().then(
    (result) => {
      span.end()
      return result
    },
    (error: unknown) => {
      failSpan(span, error)
      span.end()
      throw error
    },
  )
}

function textOf(statement: unknown): string {
  if (typeof statement === 'string') return statement
  const { text } = (statement ?? {}) as { text?: unknown }
  return typeof text === 'string' ? text : ''
}

/** `INSERT payments`, `SELECT ledger.capture`, `BEGIN`. */
export function summaryOf(text: string): string {
  const known = summaries.get(text)
  if (known !== undefined) return known
  const called = call.exec(text)?.[1]
  const tables = [...text.matchAll(table)].map(([, written, read]) => written ?? read ?? '')
  const named = (called === undefined ? tables : [called]).map(plainName)
  const word = (verb.exec(text)?.[1] ?? 'statement').toUpperCase()
  const summary = [word, ...new Set(named)].slice(0, 1 + TABLES_MAX).join(' ')
  if (summaries.size < SUMMARIES_MAX) summaries.set(text, summary)
  return summary
}

function plainName(name: string): string {
  return name.replaceAll('"', '').replace(/^public\./, '')
}
