import { context, ROOT_CONTEXT, trace, type Span } from '@opentelemetry/api'
import { inSpan } from './spans.ts'
import { readTraceContext } from './trace-context.ts'

/** The headers of a message or request that say which trace it belongs to. */
export type TraceHeaders = Readonly<Record<string, string | undefined>>

/**
 * Runs `work` as a part of the trace that `headers` name instead of the one that runs now, with a
 * link in each to the other: what a job does about a payment belongs to the payment's story, which
 * people read, and to the job's run, which made it happen. Without such headers it is a part of
 * what runs now.
 */
export async function continueTrace<T>(
  headers: TraceHeaders,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const origin = readTraceContext((header) => headers[header])
  if (origin === undefined) return await inSpan(name, {}, work)
  const cause: Span | undefined = trace.getActiveSpan()
  cause?.addLink({ context: origin })
  const links = cause === undefined ? [] : [{ context: cause.spanContext() }]
  const parent = trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(origin))
  return await context.with(parent, () => inSpan(name, { links }, work))
}
