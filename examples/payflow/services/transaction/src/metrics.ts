import { QUEUES, queueBand, type QueueBand } from '@payflow-app/contracts'
import type { Bus, ConfirmedRow } from '@payflow/queue'
import type { Kysely } from 'kysely'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { CreatePaymentResult } from './create-payment.ts'
import type { TransactionDatabase } from './database.ts'
import { registerFlowMetrics } from './flow-metrics.ts'
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

/** A broker that is away must not keep a scrape waiting. */
const QUEUE_DEPTH_TIMEOUT_MS = 500

const bands: readonly QueueBand[] = ['fine', 'busy', 'delayed']

/**
 * Exports what is going on with payments. State is read from the stores at each scrape, so that it
 * is right for all replicas and after every restart; what cannot be read has no value.
 */
export function registerPaymentMetrics(options: PaymentMetricsOptions): PaymentCounters {
  const { registry, db, bus } = options
  registerFlowMetrics(
    registry,
    shared(() => readFlow(db)),
  )
  const outbox = shared(() => bus.outboxDepth())
  const waiting = shared(() => waitingMessages(bus, QUEUES.execute))
  const add = (name: string, help: string, read: () => Promise<number>) =>
    registerGauge(registry, { name, help }, async (set) => set({}, await read()))
  add('payflow_outbox_pending', 'Messages the broker has not confirmed', async () => {
    return (await outbox()).pending
  })
  add('payflow_outbox_oldest_seconds', 'Age of the oldest unconfirmed message, or 0', async () => {
    return (await outbox()).oldestAgeMs / 1_000
  })
  registerQueueGauges(registry, waiting)
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
  return {
    request: ({ outcome, replayed }) => requests.inc({ outcome, replayed: String(replayed) }),
    sent(rows) {
      for (const { type } of rows) sent.inc({ type })
    },
  }
}

function registerQueueGauges(registry: Registry, waiting: () => Promise<number>): void {
  const queue = QUEUES.execute
  const depth = { name: 'payflow_queue_depth', help: 'Messages that wait in the queue' }
  registerGauge(registry, { ...depth, labelNames: ['queue'] }, async (set) => {
    set({ queue }, await waiting())
  })
  const band = { name: 'payflow_queue_band', help: '1 for the band the queue is in, else 0' }
  registerGauge(registry, { ...band, labelNames: ['queue', 'band'] }, async (set) => {
    const current = queueBand(await waiting())
    for (const one of bands) set({ queue, band: one }, one === current ? 1 : 0)
  })
}

function registerGauge(
  registry: Registry,
  { labelNames = [], ...description }: { name: string; help: string; labelNames?: string[] },
  read: (set: (labels: Record<string, string>, value: number) => void) => Promise<void>,
): void {
  new Gauge({
    ...description,
    labelNames,
    registers: [registry],
    async collect() {
      this.reset()
      // No value at all during an outage: an old one would look like news, 0 like an empty queue.
      await read((labels, value) => this.set(labels, value)).catch(() => {
        if (labelNames.length === 0) this.remove()
      })
    },
  })
}

/** Two gauges of one scrape ask once. */
export function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () =>
    (running ??= read().finally(() => {
      running = undefined
    }))
}

async function waitingMessages(bus: Pick<Bus, 'queueDepth'>, queue: string): Promise<number> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('timed out')), QUEUE_DEPTH_TIMEOUT_MS)
  const depth = bus.queueDepth(queue).then(({ ready }) => ready)
  return await Promise.race([depth, late]).finally(() => clearTimeout(timer))
}
