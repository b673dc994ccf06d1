import { EXCHANGE } from '@payflow-app/contracts'
import { createDatabase, createUserTokens, type ServiceDefinition } from '@payflow-app/service-kit'
import { createBus } from '@payflow/queue'
import { Counter } from 'prom-client'
import { notificationVariables } from './config.ts'
import { createNotificationConsumer } from './consume.ts'
import type { NotificationDatabase } from './database.ts'
import { notificationRoutes } from './routes.ts'

/** notification-service: tells users what became of their payments. */
export const notificationService: ServiceDefinition<typeof notificationVariables> = {
  name: 'notification',
  variables: notificationVariables,
  async start({ config, logger, metrics, health, shutdown, probe }) {
    const database = createDatabase<NotificationDatabase>({
      url: config.DATABASE_URL,
      applicationName: 'notification',
      logger,
    })
    const { db } = database
    shutdown.add('database', () => database.close())
    health.require('postgres', () => database.ping())
    const bus = createBus({
      broker: { url: config.RABBITMQ_URL },
      db,
      source: 'notification-service',
      topology: { exchange: EXCHANGE },
      logger,
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
    await createNotificationConsumer(bus, (count) => written.inc(count)).start()
    const userTokens = createUserTokens({ jwksUrl: config.JWKS_URL })
    return { routes: (app) => notificationRoutes(app, { db, userTokens }) }
  },
}

async function requireConnected(state: string): Promise<void> {
  if (state !== 'up') throw new Error(`the connection is ${state}`)
}
