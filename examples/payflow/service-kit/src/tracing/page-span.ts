import {
  ROOT_CONTEXT,
  SpanKind,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api'

/** The ids that the next span must have, set for the length of one call. */
let wanted: Pick<SpanContext, 'traceId' | 'spanId'> | undefined

/** What the SDK's generator of ids asks first. */
export function wantedIds(): typeof wanted {
  return wanted
}

/**
 * Begins the span of a request that our page is making, under the ids the page has chosen.
 *
 * The page has no SDK and exports nothing; without its span the trace would have a root that is
 * nowhere. As a root it is sampled here, and with `parentbased_` samplers not by the id it comes
 * with: any program can say that it is the page, and may choose the id but not what we record.
 */
export function startPageSpan(tracer: Tracer, name: string, ids: SpanContext): Span {
  wanted = ids
  try {
    const attributes = { 'payflow.recorded_by': 'gateway' }
    return tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, ROOT_CONTEXT)
  } finally {
    wanted = undefined
  }
}
