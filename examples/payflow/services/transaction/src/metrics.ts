import { PaymentCompleted, PaymentExecute, PaymentFailed } from '@payflow-app/contracts/messages'
import { oncePerScrape } from '@payflow-app/service-kit'
import { registerOutboxMetrics } from '@payflow-app/service-kit/bus'
import type { Bus, ConfirmedRow } from '@payflow/queue'
import type { Kysely } from 'kysely'
import { Counter, type Registry } from 'prom-client'
import type { CreatePaymentResult } from './create-payment.ts'
import type { TransactionDatabase } from './database.ts'
import { registerFlowMetrics } from './flow-metrics.ts'
import { registerQueueMetrics } from './queue-metrics.ts'
import { readFlow } from './sql/read-flow.ts'

/** What the service counts itself; everything else is read from the stores at each scrape. */
export interface PaymentCounters {
  /** Counts how a request for a payment ended. */
  request(result: CreatePaymentResult): void
  /** Counts messages the broker has confirmed. */
  sent(rows: readonly ConfirmedRow[]): void
}

/** What {@link registerPaymentMetrics} reads. */
export interface PaymentMetricsOptions {
  readonly registry: Registry
  readonly db: Kysely<TransactionDatabase>
  readonly bus: Pick<Bus, 'outboxDepth' | 'queueDepth'>
}

/**
 * Exports what is going on with payments. State is read from the stores at each scrape, so that it
 * is right for all replicas and after every restart; what cannot be read has no value.
 */
export function registerPaymentMetrics(options: PaymentMetricsOptions): PaymentCounters {
  const { registry, db, bus } = options
  registerFlowMetrics(
    registry,
    oncePerScrape(() => readFlow(db)),
  )
  registerOutboxMetrics(registry, bus)
  registerQueueMetrics(registry, bus)
  return registerCounters(registry)
}

function registerCounters(registry: Registry): PaymentCounters {
  const requests = new Counter({
    name: 'payflow_payment_requests_total',
    help: 'Requests for a payment that were decided; replayed ones repeat an earlier answer',
    labelNames: ['outcome', 'replayed'] as const,
    registers: [registry],
  })
  const sent = new Counter({
    name: 'payflow_messages_sent_total',
    help: 'Messages the broker confirmed: payments to execute, completed and failed',
    labelNames: ['type'] as const,
    registers: [registry],
  })
  // All series exist from the start, so that a rate over the first message is not lost.
  for (const { type } of [PaymentExecute, PaymentCompleted, PaymentFailed]) sent.inc({ type }, 0)
  return {
    request: ({ outcome, replayed }) => requests.inc({ outcome, replayed: String(replayed) }),
    sent(rows) {
      for (const { type } of rows) sent.inc({ type })
    },
  }
}
