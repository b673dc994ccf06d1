import type { Metrics } from '@payflow-app/service-kit'
import type { ReversalEvent, ReversalReport } from '@payflow/reversal'
import { Counter, Gauge } from 'prom-client'

/** What the reversal process counts. */
export interface ReversalMetrics {
  /** The job did something. */
  observe(event: ReversalEvent): void
  /** What is pending now. */
  reported(report: ReversalReport): void
}

/** Registers the metrics of the reversal process. */
export function createReversalMetrics({ registry }: Pick<Metrics, 'registry'>): ReversalMetrics {
  const rows = new Counter({
    name: 'payflow_reversals_total',
    help: 'Stale payments by what became of them',
    labelNames: ['reason', 'outcome'] as const,
    registers: [registry],
  })
  const runs = new Counter({
    name: 'payflow_reversal_runs_total',
    help: 'Runs of the job by how they ended',
    labelNames: ['ended_by'] as const,
    registers: [registry],
  })
  const lastSuccess = new Gauge({
    name: 'payflow_reversal_last_success_timestamp_seconds',
    help: 'When the job last looked at everything that is stale, in Unix time',
    registers: [registry],
  })
  const oldest = new Gauge({
    name: 'payflow_oldest_pending_seconds',
    help: 'Age of the oldest pending payment by the clock of the database; 0 when there is none',
    registers: [registry],
  })
  const pending = new Gauge({
    name: 'payflow_pending_payments',
    help: 'Payments that have not ended',
    registers: [registry],
  })
  return {
    observe(event) {
      if (event.type === 'run_finished') {
        runs.inc({ ended_by: event.result.endedBy })
        if (event.result.endedBy === 'done') lastSuccess.setToCurrentTime()
      } else if (event.type === 'run_failed') {
        runs.inc({ ended_by: 'failed' })
      } else {
        const outcome = event.type === 'row_settled' ? event.outcome : event.type.slice(4)
        rows.inc({ reason: event.reason, outcome })
      }
    },
    reported(report) {
      oldest.set((report.oldestPendingMs ?? 0) / 1000)
      pending.set(report.pending)
    },
  }
}
