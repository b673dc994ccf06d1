import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Span, Tracer } from '@opentelemetry/api'
import { ReversalError } from '../errors.ts'
import type { RowOutcome, StaleReason } from '../outcome.ts'
import type { RunResult } from '../run-result.ts'

/** Makes the spans of a job; see `telemetry` for what they are. */
export class Spans {
  readonly #tracer: Tracer

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  run(table: string, work: () => Promise<RunResult>): Promise<RunResult> {
    return this.#within('reversal.run', { 'payflow.reversal.table': table }, work, (span, run) => {
      const { endedBy, scanned, reversed, completed, failed, massReversal } = run
      span.setAttributes({
        'payflow.reversal.ended_by': endedBy,
        'payflow.reversal.scanned': scanned,
        'payflow.reversal.reversed': reversed,
        'payflow.reversal.completed': completed,
        'payflow.reversal.failed': failed,
      })
      if (massReversal === undefined) return
      span.setAttribute('payflow.reversal.mass_reversal', [...massReversal.causes])
      // Whatever was done about it, nobody should filter this run away.
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'mass reversal' })
    })
  }

  settle(
    { id, reason }: { readonly id: string; readonly reason: StaleReason },
    work: () => Promise<RowOutcome>,
  ): Promise<RowOutcome> {
    const attributes = { 'payflow.reversal.row': id, 'payflow.reversal.reason': reason }
    return this.#within('reversal.settle', attributes, work, (span, outcome) => {
      span.setAttribute('payflow.reversal.outcome', outcome)
      if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR })
    })
  }

  async #within<T>(
    name: string,
    attributes: Attributes,
    work: () => Promise<T>,
    done: (span: Span, value: T) => void,
  ): Promise<T> {
    const span = this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes })
    try {
      const value = await context.with(trace.setSpan(context.active(), span), work)
      done(span, value)
      return value
    } catch (error) {
      // What others say may be anybody's secret; ours name tables and options.
      if (ReversalError.is(error)) span.setAttribute('error.type', error.code)
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  }
}
