import { context, SpanStatusCode, trace, type Span, type SpanOptions } from '@opentelemetry/api'

/** The tracer of PayFlow's own processes; those of the packages are named after them. */
export const tracer = trace.getTracer('payflow')

/**
 * Runs `work` in a span of its own, a child of the one that runs now. What `work` throws marks the
 * span as failed and is thrown on; its text is not recorded, for it may quote anybody's secret.
 */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, options)
  try {
    return await context.with(trace.setSpan(context.active(), span), work, undefined, span)
  } catch (error) {
    failSpan(span, error)
    throw error
  } finally {
    span.end()
  }
}

/** Marks a span as failed, by the error's code: one of few. */
export function failSpan(span: Span, error: unknown): void {
  if (!span.isRecording()) return
  const { code } = (error ?? {}) as { code?: unknown }
  span.setAttribute('error.type', typeof code === 'string' ? code : '_OTHER')
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** Whether somebody records the span that runs now: else there is nothing to describe. */
export function isRecording(): boolean {
  return trace.getActiveSpan()?.isRecording() ?? false
}
