import { EXCHANGE, QUEUES } from '@payflow-app/contracts'
import { PaymentExecute } from '@payflow-app/contracts/messages'
import {
  amqpUrlVariable,
  createDatabase,
  httpUrlVariable,
  integerVariable,
  postgresUrlVariable,
  serviceKeyVariables,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { busTelemetry } from '@payflow-app/service-kit/bus'
import { createBus } from '@payflow/queue'
import { executePayment } from './execute-payment.ts'
import { createOutcomeLog } from './outcome-log.ts'
import type { PaymentsDatabase } from './payments-database.ts'
import { createWalletClient } from './wallet-client.ts'
import { createWorkerMetrics } from './worker-metrics.ts'

/**
 * What wallet-service does not answer is tried again, soon at first and then every quarter of a
 * minute, for longer than the reversal's processing leash: an outage shorter than that delays
 * payments and fails none.
 */
const RETRY = { attempts: 100, delaysMs: [250, 1_000, 5_000, 15_000] }

/** Three times the deadline of a call to wallet-service, of which a refusal needs two. */
const ATTEMPT_DEADLINE_MS = 10_000

const variables = {
  /** The database of transaction-service: the worker settles its payments. */
  DATABASE_URL: postgresUrlVariable,
  RABBITMQ_URL: amqpUrlVariable,
  WALLET_URL: httpUrlVariable,
  ...serviceKeyVariables('worker'),
  /** Payments executed at the same time, at most. */
  WORKER_CONCURRENCY: integerVariable(1, 100).default(8),
  /**
   * Ends of payments that are recorded in one transaction when many wait: half the statements and a
   * fraction of the commits. They wait for the slowest answer of wallet-service among them. Above
   * `WORKER_CONCURRENCY` it is that.
   */
  WORKER_BATCH: integerVariable(1, 50).default(1),
}

/** Its connections to the database: one a transaction, one for the health check, one to spare. */
export function workerPoolMax(concurrency: number): number {
  return concurrency + 2
}

/** How many payments a batch has at most, and how many batches there are at once. */
export function batchesOf(
  concurrency: number,
  batch: number,
): { readonly size: number; readonly atOnce: number } {
  const size = Math.min(batch, concurrency)
  return { size, atOnce: Math.floor(concurrency / size) }
}

/** Without these the database is not migrated, and the process has not started. */
const TABLES = ['public.payments', 'queue.inbox', 'queue.outbox']

/** The worker: takes payments from the queue and executes each once. Has no routes of its own. */
export const worker: ServiceDefinition<typeof variables> = {
  name: 'worker',
  variables,
  async start({ config, logger, metrics: { registry }, health, shutdown, probe }) {
    const { size, atOnce } = batchesOf(config.WORKER_CONCURRENCY, config.WORKER_BATCH)
    const database = createDatabase<PaymentsDatabase>({
      url: config.DATABASE_URL,
      applicationName: 'worker',
      registry,
      logger,
      poolMax: workerPoolMax(atOnce),
    })
    shutdown.add('database', () => database.close())
    const outcomes = createOutcomeLog(logger, createWorkerMetrics({ registry }))
    const bus = createBus({
      broker: { url: config.RABBITMQ_URL },
      db: database.db,
      source: 'worker',
      topology: { exchange: EXCHANGE },
      logger,
      onEvent: (event) => outcomes.observe(event),
      telemetry: busTelemetry(),
      probe,
    })
    shutdown.add('bus', () => bus.drain({ deadlineMs: shutdown.remainingMs(1_000) }))
    const wallet = createWalletClient({
      baseUrl: config.WALLET_URL,
      key: config.SERVICE_KEY_WORKER_TO_WALLET,
      caller: 'worker',
    })
    const consumer = bus
      .consumer({
        name: 'worker',
        queue: QUEUES.execute,
        messages: [PaymentExecute],
        concurrency: atOnce,
        ...(size > 1 && { batch: { size, waitMs: 0 } }),
        retry: RETRY,
        deadlineMs: ATTEMPT_DEADLINE_MS,
      })
      .handle(PaymentExecute, executePayment({ db: database.db, wallet, outcomes }))
    health.require('database', () => database.ping())
    health.begin('migrated', () => database.hasTables(TABLES))
    health.require('broker', async () => {
      if (!bus.health().ready) throw new Error('the consumer is not running')
    })
    await consumer.start()
    return {}
  },
}
