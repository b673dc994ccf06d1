import { EXCHANGE } from '@payflow-app/contracts'
import {
  createDatabase,
  createUserTokens,
  startRetention,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { busTelemetry, logCommitted } from '@payflow-app/service-kit/bus'
import { createBus } from '@payflow/queue'
import { Counter } from 'prom-client'
import { notificationFaults, notificationVariables } from './config.ts'
import { createNotificationConsumer } from './consume.ts'
import type { NotificationDatabase } from './database.ts'
import { startMail } from './mail/start-mail.ts'
import { retentionOf } from './retention.ts'
import { notificationRoutes } from './routes.ts'

/** Without these the database is not migrated, and the process has not started. */
const TABLES = ['public.notifications', 'public.mail_deliveries', 'queue.inbox']

/** notification-service: tells users what became of their payments, on the page and by e-mail. */
export const notificationService: ServiceDefinition<typeof notificationVariables> = {
  name: 'notification',
  variables: notificationVariables,
  faults: notificationFaults,
  async start({ config, logger, metrics, health, shutdown, probe }) {
    const database = createDatabase<NotificationDatabase>({
      url: config.DATABASE_URL,
      applicationName: 'notification',
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
      source: 'notification-service',
      topology: { exchange: EXCHANGE },
      logger,
      onEvent: logCommitted(logger),
      telemetry: busTelemetry(),
      probe,
    })
    shutdown.add('bus', () => bus.drain({ deadlineMs: shutdown.remainingMs(1_000) }))
    // Without the broker what has been written can still be read: shown, not required.
    health.observe('rabbitmq', () => requireConnected(bus.health().consume.state))
    const written = new Counter({
      name: 'payflow_notifications_written_total',
      help: 'Notifications written; a commit that fails after it is counted too',
      registers: [metrics.registry],
    })
    const mail = startMail({ config, db, logger, metrics, probe })
    if (mail) {
      shutdown.add('mail', () => mail.stop(config.SHUTDOWN_DEADLINE_MS / 2))
      // Without it mails wait, and nothing else does.
      health.observe('smtp', () => requireReachable(mail.isReachable))
    }
    const retention = startRetention({
      db,
      logger,
      registry: metrics.registry,
      intervalMs: config.PURGE_INTERVAL_MS,
      rules: retentionOf({
        mailDays: config.MAIL_RETENTION_DAYS,
        notificationDays: config.NOTIFICATION_RETENTION_DAYS,
      }),
    })
    shutdown.add('retention', () => retention.stop())
    const onWritten = (count: number) => written.inc(count)
    await createNotificationConsumer(bus, { mailIsOn: mail !== undefined, onWritten }).start()
    const userTokens = createUserTokens({ jwksUrl: config.JWKS_URL })
    return { routes: (app) => notificationRoutes(app, { db, userTokens }) }
  },
}

async function requireConnected(state: string): Promise<void> {
  if (state !== 'up') throw new Error(`the connection is ${state}`)
}

async function requireReachable(isReachable: boolean): Promise<void> {
  if (!isReachable) throw new Error('the last mail did not get through')
}
