import { createTraceState, isSpanContextValid, TraceFlags } from '@opentelemetry/api'
import type { SpanContext } from '@opentelemetry/api'
import type { TraceHeaders } from '../telemetry.ts'

/*
 * W3C Trace Context (https://www.w3.org/TR/trace-context/), whatever propagator the application has
 * set up: the trace is stored with the row, and whoever reads it later may be set up otherwise.
 * Baggage does not belong into a table, so it isn't kept.
 */
const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** The headers that continue this span elsewhere; none for a span that isn't one. */
export function traceHeaders(span: SpanContext): TraceHeaders {
  if (!isSpanContextValid(span)) return {}
  const flags = (span.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
  const state = span.traceState?.serialize() ?? ''
  return {
    traceparent: `00-${span.traceId}-${span.spanId}-${flags}`,
    ...(state === '' ? {} : { tracestate: state }),
  }
}

/** The span these headers continue, if they say one. */
export function spanContextOf(headers: Readonly<Record<string, unknown>>): SpanContext | undefined {
  const { traceparent: parent, tracestate: state } = headers
  if (typeof parent !== 'string') return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = traceparent.exec(parent) ?? []
  // Version 00 has four parts; later ones may have more, and ff is no version.
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) {
    return undefined
  }
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(typeof state === 'string' ? { traceState: createTraceState(state) } : {}),
  }
  return isSpanContextValid(span) ? span : undefined
}
