import type {
  BatchObservableResult,
  Counter,
  Histogram,
  Meter,
  ObservableGauge,
} from '@opentelemetry/api'
import type { ReversalEvent } from '../events.ts'
import type { ReversalMetrics } from '../metrics.ts'
import type { RunResult } from '../run-result.ts'

/** A run looks at nothing in milliseconds, or works until its time budget is used up. */
const durationBoundariesS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 300]

type GaugeName = 'pending' | 'age' | 'stale' | 'share' | 'mass' | 'success' | 'rows'

/** Everything that is counted and measured, made once. No attribute is an id. */
export class Instruments {
  readonly #meter: Meter
  readonly #rows: Counter
  readonly #runs: Counter
  readonly #massReversals: Counter
  readonly #durations: Histogram
  readonly #gauges: Readonly<Record<GaugeName, ObservableGauge>>

  constructor(meter: Meter) {
    this.#meter = meter
    const counter = (name: string, unit: string, description: string): Counter =>
      meter.createCounter(`payflow.reversal.${name}`, { unit, description })
    this.#rows = counter('rows', '{row}', 'Stale rows by what became of them')
    this.#runs = counter('runs', '{run}', 'Runs by how they ended')
    this.#massReversals = counter('mass_reversals', '{run}', 'Runs that met a mass reversal')
    this.#durations = meter.createHistogram('payflow.reversal.run.duration', {
      description: 'How long runs took',
      unit: 's',
      advice: { explicitBucketBoundaries: durationBoundariesS },
    })
    const gauge = (name: string, unit: string, description: string): ObservableGauge =>
      meter.createObservableGauge(`payflow.reversal.${name}`, { unit, description })
    this.#gauges = {
      pending: gauge('pending', '{row}', 'Rows that have not ended'),
      age: gauge('pending.age', 's', 'Age of the oldest of them; 0 when there is none'),
      stale: gauge('stale', '{row}', 'Rows past their leash'),
      share: gauge('share', '1', 'Reversed and stale rows, of those that should have ended'),
      mass: gauge('mass_reversal', '1', 'Whether that is a mass reversal'),
      success: gauge('success.age', 's', 'Since a run last looked at everything without a failure'),
      rows: gauge('logbook.rows', '{row}', 'Rows by what became of them, of all runs ever'),
    }
  }

  event(event: ReversalEvent): void {
    switch (event.type) {
      case 'row_settled':
        this.#rows.add(1, { outcome: event.outcome, reason: event.reason })
        return
      case 'row_not_yet':
      case 'row_lost':
      case 'row_failed':
        this.#rows.add(1, { outcome: event.type.slice('row_'.length), reason: event.reason })
        return
      case 'mass_reversal':
        this.#massReversals.add(1, { action: event.massReversal.action })
        return
      case 'run_finished':
      case 'run_failed':
        // Counted by `run`, which sees those of `run()` and of `watch()` alike.
        return
      default:
        event satisfies never
    }
  }

  async run(work: () => Promise<RunResult>): Promise<RunResult> {
    const begunAt = performance.now()
    let endedBy = 'failed'
    try {
      const result = await work()
      endedBy = result.endedBy
      return result
    } finally {
      this.#runs.add(1, { ended_by: endedBy })
      this.#durations.record((performance.now() - begunAt) / 1_000, { ended_by: endedBy })
    }
  }

  /** Asks the database whenever metrics are collected. */
  observe(reversal: { readonly metrics: () => Promise<ReversalMetrics> }): () => void {
    const gauges = Object.values(this.#gauges)
    const ask = async (result: BatchObservableResult): Promise<void> => {
      // A database that does not answer leaves a gap: no figure is better than an old one.
      const metrics = await reversal.metrics().catch(() => undefined)
      if (metrics !== undefined) this.#observe(metrics, result)
    }
    this.#meter.addBatchObservableCallback(ask, gauges)
    return () => this.#meter.removeBatchObservableCallback(ask, gauges)
  }

  #observe(metrics: ReversalMetrics, result: BatchObservableResult): void {
    const { pending, age, stale, share, mass, success, rows } = this.#gauges
    const { massReversal, logbook } = metrics
    result.observe(pending, metrics.pending)
    result.observe(age, (metrics.oldestPendingMs ?? 0) / 1_000)
    for (const reason of ['undispatched', 'unprocessed'] as const) {
      result.observe(stale, metrics[reason].count, { reason })
    }
    result.observe(share, massReversal.share)
    result.observe(mass, massReversal.causes.length > 0 ? 1 : 0)
    if (logbook === undefined) return
    const { lastSuccessMsAgo, reversed, completed, notYet, lost, failed } = logbook
    // Absent before the first success: alert on absence, too.
    if (lastSuccessMsAgo !== undefined) result.observe(success, lastSuccessMsAgo / 1_000)
    const counts = { reversed, completed, not_yet: notYet, lost, failed }
    for (const [outcome, count] of Object.entries(counts)) result.observe(rows, count, { outcome })
  }
}
