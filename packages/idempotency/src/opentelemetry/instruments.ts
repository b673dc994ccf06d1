import { context as active, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Counter, Histogram, Meter, Span, Tracer } from '@opentelemetry/api'
import { IdempotencyError } from '../errors.ts'

/** Steps of a store take less than a millisecond, or the whole of a deadline. */
const durationBoundariesS = [
  0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

/** Everything that is measured, made once. */
export class Instruments {
  readonly events: Counter
  readonly #guards: Counter
  readonly #durations: Histogram
  readonly #tracer: Tracer

  constructor(meter: Meter, tracer: Tracer) {
    this.#tracer = tracer
    this.events = meter.createCounter('payflow.idempotency.events', {
      description: 'What happened to requests with a key',
      unit: '{event}',
    })
    this.#guards = meter.createCounter('payflow.idempotency.guards', {
      description: 'Effects that ran, or had been done by an earlier execution',
      unit: '{effect}',
    })
    this.#durations = meter.createHistogram('payflow.idempotency.store.duration', {
      description: 'How long the store took for one step',
      unit: 's',
      advice: { explicitBucketBoundaries: durationBoundariesS },
    })
  }

  /** Runs a step of the store in a span of its own. */
  async step<T>(step: string, id: string | undefined, run: () => Promise<T>): Promise<T> {
    const begunAt = performance.now()
    const measure = (result: string): void =>
      this.#durations.record((performance.now() - begunAt) / 1_000, { step, result })
    return this.#inSpan(`idempotency.${step}`, SpanKind.CLIENT, id, run, {
      done(value, span) {
        measure(resultOf(value))
        span.setAttributes(resultAttributes(value))
      },
      failed: () => measure('error'),
    })
  }

  /** Runs guarded work in a span of its own. */
  async guard<T extends { readonly outcome?: unknown }>(
    context: { readonly id?: unknown } | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    const id = typeof context?.id === 'string' ? context.id : undefined
    return this.#inSpan('idempotency.guard', SpanKind.INTERNAL, id, run, {
      done: (value, span) => {
        const outcome = String(value.outcome)
        this.#guards.add(1, { outcome })
        span.setAttribute('payflow.idempotency.outcome', outcome)
      },
      failed: (error) => {
        // The work's own errors are the application's business, and as many as it likes.
        this.#guards.add(1, { outcome: IdempotencyError.is(error) ? error.code : 'failed' })
      },
    })
  }

  async #inSpan<T>(
    name: string,
    kind: SpanKind,
    id: string | undefined,
    run: () => Promise<T>,
    end: {
      readonly done: (value: T, span: Span) => void
      readonly failed: (error: unknown) => void
    },
  ): Promise<T> {
    const attributes: Attributes = id === undefined ? {} : { 'payflow.idempotency.id': id }
    const span = this.#tracer.startSpan(name, { kind, attributes })
    try {
      const value = await active.with(trace.setSpan(active.active(), span), run)
      end.done(value, span)
      return value
    } catch (error) {
      end.failed(error)
      // Ours name a hash at most; what others say may be anybody's secret.
      if (IdempotencyError.is(error)) span.recordException(error)
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  }
}

function resultOf(value: unknown): string {
  if (typeof value === 'string') return value
  const verdict = (value as { readonly verdict?: unknown } | null | undefined)?.verdict
  return typeof verdict === 'string' ? verdict : 'ok'
}

function resultAttributes(value: unknown): Attributes {
  const attributes: Attributes = { 'payflow.idempotency.result': resultOf(value) }
  if (typeof value !== 'object' || value === null) return attributes
  for (const name of ['attempt', 'fence', 'reason'] as const) {
    const field = (value as { readonly [name: string]: unknown })[name]
    if (typeof field === 'string' || typeof field === 'number') {
      attributes[`payflow.idempotency.${name}`] = field
    }
  }
  return attributes
}
