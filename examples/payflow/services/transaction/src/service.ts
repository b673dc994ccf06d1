import { EXCHANGE, QUEUES } from '@payflow-app/contracts'
import { PaymentCompleted, PaymentExecute, PaymentFailed } from '@payflow-app/contracts/messages'
import { createDatabase, createUserTokens, type ServiceDefinition } from '@payflow-app/service-kit'
import { busTelemetry } from '@payflow-app/service-kit/bus'
import { createBus, type ConfirmedRow } from '@payflow/queue'
import { transactionVariables } from './config.ts'
import type { TransactionDatabase } from './database.ts'
import { eventRoutes } from './event-routes.ts'
import { createEventStreams } from './event-streams.ts'
import { watchFlow } from './flow-watch.ts'
import { registerPaymentMetrics } from './metrics.ts'
import { transactionRoutes } from './routes.ts'
import { markDispatched } from './sql/mark-dispatched.ts'
import { statusRoute } from './status-route.ts'
import { createWalletClient } from './wallet-client.ts'

/** Without these the database is not migrated, and the process has not started. */
const TABLES = [
  'public.payments',
  'public.payment_claims',
  'public.payment_tally',
  'public.payment_events',
  'queue.outbox',
]

/** transaction-service: accepts payments, knows their status, sends what the outbox holds. */
export const transactionService: ServiceDefinition<typeof transactionVariables> = {
  name: 'transaction',
  variables: transactionVariables,
  start({ config, logger, metrics, health, shutdown, probe }) {
    const database = createDatabase<TransactionDatabase>({
      url: config.DATABASE_URL,
      applicationName: 'transaction',
      registry: metrics.registry,
      logger,
    })
    const { db } = database
    shutdown.add('database', () => database.close())
    health.require('postgres', () => database.ping())
    health.begin('migrated', () => database.hasTables(TABLES))
    const bus = createBus({
      broker: { url: config.RABBITMQ_URL },
      db,
      source: 'transaction-service',
      topology: { exchange: EXCHANGE, bindings },
      logger,
      telemetry: busTelemetry(),
      probe,
    })
    shutdown.add('bus', () => bus.drain({ deadlineMs: shutdown.remainingMs(1_000) }))
    // Without the broker payments are still accepted and wait in the outbox: shown, not required.
    health.observe('rabbitmq', () => requireConnected(bus.health().publish.state))
    const count = registerPaymentMetrics({ registry: metrics.registry, db, bus })
    const relay = bus.relay({
      // A payment's messages can be looked at for a day.
      retentionMs: 86_400_000,
      async onConfirmed(trx, rows) {
        await markDispatched(trx, paymentsOf(rows))
        count.sent(rows)
      },
    })
    relay.start()
    const { signal } = shutdown
    const flow = watchFlow({ db, logger, intervalMs: config.FLOW_INTERVAL_MS, signal })
    shutdown.add('flow', () => flow.ended)
    const userTokens = createUserTokens({ jwksUrl: config.JWKS_URL })
    const { registry } = metrics
    const streams = createEventStreams({ config, db, userTokens, logger, registry, signal })
    return {
      routes: (app) => {
        statusRoute(app, flow)
        transactionRoutes(app, {
          db,
          bus,
          wallet: createWalletClient({
            baseUrl: config.WALLET_URL,
            key: config.SERVICE_KEY_TRANSACTION_TO_WALLET,
            timeoutMs: config.WALLET_TIMEOUT_MS,
          }),
          holdExpiresMs: config.HOLD_EXPIRES_MS,
          limits: { top_up: config.TOP_UP_MAX_MINOR, withdrawal: config.WITHDRAWAL_MAX_MINOR },
          userTokens,
          logger,
          count,
          probe,
        })
        eventRoutes(app, streams)
      },
    }
  },
}

/**
 * The relay also sends what the worker and the reversal job write to the outbox. All queues are
 * declared before anything is published, so that messages wait in them even if nobody listens yet.
 */
const bindings = [
  { queue: QUEUES.execute, types: [PaymentExecute.type] },
  { queue: QUEUES.notifications, types: [PaymentCompleted.type, PaymentFailed.type] },
]

function paymentsOf(rows: readonly ConfirmedRow[]): string[] {
  return rows.filter(({ type }) => type === PaymentExecute.type).map(({ key }) => key)
}

async function requireConnected(state: string): Promise<void> {
  if (state !== 'up') throw new Error(`the connection is ${state}`)
}
