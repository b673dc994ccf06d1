import type { Metrics } from '@payflow-app/service-kit'
import type { BusEvent } from '@payflow/queue'
import { Counter, Histogram } from 'prom-client'

/** What the worker counts. */
export interface WorkerMetrics {
  /** A payment was recorded, or its message came when it had ended before. */
  recorded(outcome: 'COMPLETED' | 'FAILED' | 'late', sinceAcceptedMs?: number): void
  /** Something happened in the bus. */
  observe(event: BusEvent): void
}

/** Registers the metrics of the worker. */
export function createWorkerMetrics({ registry }: Pick<Metrics, 'registry'>): WorkerMetrics {
  const recorded = new Counter({
    name: 'payflow_payments_recorded_total',
    help: 'Payments the worker recorded, and late messages for payments that had ended before',
    labelNames: ['outcome'] as const,
    registers: [registry],
  })
  const messages = new Counter({
    name: 'payflow_worker_messages_total',
    help: 'Deliveries by what became of them',
    labelNames: ['outcome'] as const,
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'payflow_payment_execution_seconds',
    help: 'Time from the delivery of a message to the commit of its effects',
    // From a ledger on the same machine to the deadline of one attempt.
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    registers: [registry],
  })
  const completion = new Histogram({
    name: 'payflow_payment_completion_seconds',
    help: 'Time from the acceptance of a payment to its end, for those the worker ended',
    labelNames: ['outcome'] as const,
    // From what nobody notices to the leash after which the reversal ends it.
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
    registers: [registry],
  })
  // All series exist from the start, so that a rate over the first event is not lost.
  for (const outcome of ['COMPLETED', 'FAILED', 'late']) recorded.inc({ outcome }, 0)
  return {
    recorded(outcome, sinceAcceptedMs) {
      recorded.inc({ outcome })
      if (sinceAcceptedMs === undefined) return
      completion.observe({ outcome }, Math.max(0, sinceAcceptedMs) / 1_000)
    },
    observe(event) {
      if (!event.type.startsWith('message.')) return
      messages.inc({ outcome: event.type.slice('message.'.length) })
      if (event.type === 'message.committed') duration.observe(event.durationMs / 1000)
    },
  }
}
