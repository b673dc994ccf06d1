import { EXCHANGE } from '@payflow-app/contracts'
import {
  amqpUrlVariable,
  createDatabase,
  httpUrlVariable,
  integerVariable,
  postgresUrlVariable,
  serviceKeyVariables,
  type Logger,
  type Probe,
} from '@payflow-app/service-kit'
import { busTelemetry } from '@payflow-app/service-kit/bus'
import { createBus } from '@payflow/queue'
import {
  createReversal,
  type FinalOutcome,
  type Reversal,
  type ReversalEvent,
} from '@payflow/reversal'
import { telemetry } from '@payflow/reversal/opentelemetry'
import { sql } from 'kysely'
import type { Registry } from 'prom-client'
import { z } from 'zod'
import { createPaymentStory } from './payment-story.ts'
import { paymentOf, type Settlement } from './payment.ts'
import type { PaymentsDatabase } from './payments-database.ts'
import { publishSettled } from './publish-settled.ts'
import { releaseHold } from './release-hold.ts'
import { transactionTime } from './sql/transaction-time.ts'
import { createWalletClient } from './wallet-client.ts'

/** What the reversal job reads from the environment, as a process and as a command. */
export const reversalVariables = {
  /** The database of transaction-service. */
  DATABASE_URL: postgresUrlVariable,
  /** Names the broker that the events go to. The job itself never connects to it. */
  RABBITMQ_URL: amqpUrlVariable,
  WALLET_URL: httpUrlVariable,
  ...serviceKeyVariables('reversal'),
  /** How old a payment may get before the broker has confirmed its message. */
  DISPATCH_TIMEOUT_MS: integerVariable(1, 86_400_000).default(60_000),
  /** How long a confirmed message may wait. A backlog is not a failure. */
  PROCESSING_TIMEOUT_MS: integerVariable(1, 86_400_000).default(900_000),
  REVERSAL_MAX_PER_RUN: integerVariable(1, 1_000_000).default(10_000),
  /**
   * What is done when many payments are stale at once. `proceed` frees people's money, `pause`
   * leaves all of it blocked until somebody has looked; both are told at level `error`.
   */
  REVERSAL_ON_MASS_REVERSAL: z.enum(['proceed', 'pause']).default('proceed'),
  /** Payments from before this moment are never touched; ISO 8601. */
  REVERSAL_NOT_BEFORE: z.iso.datetime().optional(),
}

/** The variables, parsed. */
export type ReversalVariables = z.output<z.ZodObject<typeof reversalVariables>>

/** Options of {@link createPaymentReversal}. */
export interface PaymentReversalOptions {
  readonly config: ReversalVariables
  readonly logger: Logger
  /** Where the use of the pool is exported. */
  readonly registry?: Registry
  readonly onEvent?: (event: ReversalEvent) => void
  readonly probe?: Probe
}

/** The job and what it holds open. */
export interface PaymentReversal {
  readonly reversal: Reversal
  /** Resolves when the database answers. */
  readonly ping: () => Promise<void>
  /** Resolves when the database is migrated. */
  readonly isMigrated: () => Promise<void>
  /** Closes what it holds open. */
  readonly close: () => Promise<void>
}

const CONCURRENCY = 4

/** Its connections to the database. */
export const REVERSAL_POOL_MAX = CONCURRENCY + 2

/** Without these the database is not migrated. */
const TABLES = ['public.payments', 'queue.outbox', 'reversal.job']

/**
 * Creates the job that ends payments which did not end in time. The ledger decides: a hold that is
 * released now can never post, so the payment FAILED and its message, should it still come, finds
 * nothing to do; money that was posted before makes it COMPLETED.
 */
export function createPaymentReversal(options: PaymentReversalOptions): PaymentReversal {
  const { config, logger, onEvent, probe } = options
  const database = createDatabase<PaymentsDatabase>({
    url: config.DATABASE_URL,
    applicationName: 'reversal',
    registry: options.registry,
    logger,
    poolMax: REVERSAL_POOL_MAX,
  })
  const bus = createBus({
    broker: { url: config.RABBITMQ_URL },
    db: database.db,
    source: 'reversal',
    topology: { exchange: EXCHANGE },
    logger,
    telemetry: busTelemetry(),
  })
  const wallet = createWalletClient({
    baseUrl: config.WALLET_URL,
    key: config.SERVICE_KEY_REVERSAL_TO_WALLET,
    caller: 'reversal',
  })
  const inStoryOf = createPaymentStory(database.db)
  const { REVERSAL_NOT_BEFORE: notBefore } = config
  const reversal = createReversal({
    db: database.db,
    table: 'payments',
    columns: { id: 'id', status: 'status', createdAt: 'created_at', dispatchedAt: 'dispatched_at' },
    statuses: { pending: 'PENDING', reversed: 'FAILED', completed: 'COMPLETED' },
    dispatchTimeoutMs: config.DISPATCH_TIMEOUT_MS,
    processingTimeoutMs: config.PROCESSING_TIMEOUT_MS,
    notBefore: notBefore === undefined ? undefined : new Date(notBefore),
    maxPerRun: config.REVERSAL_MAX_PER_RUN,
    concurrency: CONCURRENCY,
    onMassReversal: config.REVERSAL_ON_MASS_REVERSAL,
    // A payment that the worker failed was refused by the ledger: nothing is out of order.
    massReversal: { isReversed: (eb) => eb('resolved_by', '=', 'reversal') },
    // transaction-service exports from it when the job last did all it had to.
    logbook: {},
    resolve: (row, { signal }) =>
      inStoryOf(row, 'reversal.decide', async () =>
        (await releaseHold(wallet, row.id, signal)) === 'posted' ? 'completed' : 'reversed',
      ),
    changes(_, outcome) {
      const settlement = settlementOf(outcome)
      return {
        failure_code: settlement.status === 'FAILED' ? settlement.failureCode : null,
        completed_at: sql<Date>`now()`,
        resolved_by: 'reversal' as const,
      }
    },
    onResolved: (trx, row, outcome) =>
      inStoryOf(row, 'reversal.record', async () => {
        const outbox = bus.outbox(trx)
        // Locks the payment first, then its outbox row: the order of the relay's own transaction.
        await outbox.cancel(row.message_id)
        const settledAt = await transactionTime(trx)
        await publishSettled(outbox, paymentOf(row), settlementOf(outcome), settledAt)
      }),
    onEvent,
    telemetry: telemetry(),
    probe,
  })
  const close = async (): Promise<void> => {
    await bus.drain()
    await database.close()
  }
  const isMigrated = () => database.hasTables(TABLES)
  return { reversal, ping: () => database.ping(), isMigrated, close }
}

function settlementOf(outcome: FinalOutcome): Settlement {
  return outcome === 'reversed'
    ? { status: 'FAILED', failureCode: 'reversed_timeout' }
    : { status: 'COMPLETED' }
}
