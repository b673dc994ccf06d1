import { randomBytes } from 'node:crypto'
import {
  createTraceState,
  isSpanContextValid,
  trace,
  TraceFlags,
  type SpanContext,
} from '@opentelemetry/api'

/*
 * W3C Trace Context (https://www.w3.org/TR/trace-context/) as headers: written out rather than by
 * the SDK's propagator, because the SDK is loaded only where spans are exported, and a process
 * without it must pass the context on all the same.
 */
const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** Headers by lower-case name, as Node and `fetch` give them. */
type HeaderOf = (name: 'traceparent' | 'tracestate') => string | undefined

/** The span that a caller's headers name, if they do. */
export function readTraceContext(header: HeaderOf): SpanContext | undefined {
  const parent = header('traceparent')
  if (parent === undefined) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = traceparent.exec(parent) ?? []
  // Version 00 has four parts; later ones may have more, and ff is no version.
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) {
    return undefined
  }
  const state = header('tracestate')
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(state !== undefined && { traceState: createTraceState(state) }),
  }
  return isSpanContextValid(span) ? span : undefined
}

/** Adds the headers that continue a span elsewhere. */
export function writeTraceContext(span: SpanContext | undefined, headers: Headers): void {
  if (span === undefined || !isSpanContextValid(span)) return
  const { traceId, spanId, traceFlags, traceState } = span
  const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
  headers.set('traceparent', `00-${traceId}-${spanId}-${flags}`)
  const state = traceState?.serialize() ?? ''
  if (state !== '') headers.set('tracestate', state)
}

/** A span nobody records, of a trace that begins here: its id is on log lines all the same. */
export function unrecordedRoot(): SpanContext {
  const ids = randomBytes(24).toString('hex')
  const span = { traceId: ids.slice(0, 32), spanId: ids.slice(32), traceFlags: TraceFlags.NONE }
  return isSpanContextValid(span) ? span : unrecordedRoot()
}

/** The ids of the span that runs now, as log lines have them. */
export function currentTraceIds(): { readonly traceId?: string; readonly spanId?: string } {
  const span = trace.getActiveSpan()?.spanContext()
  if (span === undefined || !isSpanContextValid(span)) return {}
  return { traceId: span.traceId, spanId: span.spanId }
}
