import type { Metrics } from '@payflow-app/service-kit'
import type { ReversalEvent } from '@payflow/reversal'
import { Counter } from 'prom-client'

/** What the reversal process counts. */
export interface ReversalMetrics {
  /** The job did something. */
  observe(event: ReversalEvent): void
}

/**
 * Registers the metrics of the reversal process: what this process did since it began. What became
 * of payments, by whichever job, is exported by transaction-service from the database.
 */
export function createReversalMetrics({ registry }: Pick<Metrics, 'registry'>): ReversalMetrics {
  const rows = new Counter({
    name: 'payflow_reversal_rows_total',
    help: 'Stale payments this process looked at, by what became of them',
    labelNames: ['reason', 'outcome'] as const,
    registers: [registry],
  })
  const runs = new Counter({
    name: 'payflow_reversal_runs_total',
    help: 'Runs of this process by how they ended',
    labelNames: ['ended_by'] as const,
    registers: [registry],
  })
  return {
    observe(event) {
      if (event.type === 'run_finished') {
        runs.inc({ ended_by: event.result.endedBy })
      } else if (event.type === 'run_failed') {
        runs.inc({ ended_by: 'failed' })
      } else if (event.type !== 'mass_reversal') {
        const outcome = event.type === 'row_settled' ? event.outcome : event.type.slice(4)
        rows.inc({ reason: event.reason, outcome })
      }
    },
  }
}
