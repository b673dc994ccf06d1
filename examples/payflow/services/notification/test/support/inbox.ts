// notification-service as a process of its own, a real broker, and a publisher of events.
import { randomUUID } from 'node:crypto'
import {
  EXCHANGE,
  QUEUES,
  type NotificationView,
  type PaymentCompletedData,
  type PaymentFailedData,
} from '@payflow-app/contracts'
import {
  PasswordChanged,
  PasswordResetRequested,
  PaymentCompleted,
  PaymentFailed,
  UserLocked,
} from '@payflow-app/contracts/messages'
import { migrateNotification } from '@payflow-app/migrations'
import {
  RunningService,
  send,
  startTokenIssuer,
  type Incoming,
  type TokenIssuer,
} from '@payflow-app/testing'
import { createBus, type Bus } from '@payflow/queue'
import {
  createTestDatabase,
  freePort,
  startRabbitmq,
  type Server,
  type TestDatabase,
} from '@payflow/testkit'
import { sql } from 'kysely'

/** What the table says of a mail. */
interface WrittenMail {
  readonly kind: string
  readonly state: string
  readonly userId: string
  readonly secret: string | null
}

/**
 * A running notification-service and everything a test needs to feed and read it. Mails are written
 * down and go nowhere: there is no mail server.
 */
export class Inbox implements AsyncDisposable {
  readonly rabbitmq: Server
  readonly database: TestDatabase
  readonly issuer: TokenIssuer
  readonly service: RunningService
  readonly bus: Bus

  private constructor(parts: {
    rabbitmq: Server
    database: TestDatabase
    issuer: TokenIssuer
    service: RunningService
  }) {
    this.rabbitmq = parts.rabbitmq
    this.database = parts.database
    this.issuer = parts.issuer
    this.service = parts.service
    this.bus = createBus({
      broker: { url: this.rabbitmq.url },
      db: this.database.db,
      source: 'test',
      topology: {
        exchange: EXCHANGE,
        bindings: [
          {
            queue: QUEUES.notifications,
            types: [
              PaymentCompleted,
              PaymentFailed,
              PasswordResetRequested,
              PasswordChanged,
              UserLocked,
            ].map(({ type }) => type),
          },
        ],
      },
    })
  }

  static async start(): Promise<Inbox> {
    const rabbitmq = await startRabbitmq()
    const issuer = await startTokenIssuer()
    const database = await createTestDatabase({
      migrate: migrateNotification,
      cacheKey: 'payflow-notification',
    })
    const nowhere = `127.0.0.1:${await freePort()}`
    const service = await RunningService.start('notification', {
      SMTP_URL: `smtp://${nowhere}`,
      AUTH_URL: `http://${nowhere}`,
      MAIL_FROM: 'no-reply@payflow.test',
      PUBLIC_URL: 'http://127.0.0.1:3000',
      SERVICE_KEY_NOTIFICATION_TO_AUTH: 'not-asked-for:-nobody-is-there-to-ask',
      DATABASE_URL: database.url,
      RABBITMQ_URL: rabbitmq.url,
      JWKS_URL: issuer.jwksUrl,
      LOG_LEVEL: 'warn',
    })
    return new Inbox({ rabbitmq, database, issuer, service })
  }

  /** Publishes that a payment is COMPLETED. */
  async completed(data: PaymentCompletedData, id: string = randomUUID()): Promise<void> {
    await this.bus.publish(PaymentCompleted, data, { id })
  }

  /** Publishes that a payment is FAILED. */
  async failed(data: PaymentFailedData, id: string = randomUUID()): Promise<void> {
    await this.bus.publish(PaymentFailed, data, { id })
  }

  /** Asks as a user. */
  async ask(userId: string, path: string, method = 'GET', json?: unknown): Promise<Incoming> {
    const token = await this.issuer.accessToken(userId)
    return await send(this.service.url + path, { method, token, json })
  }

  async notifications(userId: string): Promise<NotificationView[]> {
    const { body } = await this.ask(userId, '/notifications?limit=100')
    return body.items
  }

  /** The mails that were written down for an event, or for a user. */
  async mails(of: string): Promise<WrittenMail[]> {
    const { rows } = await sql<WrittenMail>`
      select kind, state, user_id as "userId", secret from mail_deliveries
      where event_id = ${of} or user_id::text = ${of} order by kind`.execute(this.database.db)
    return rows
  }

  /** Messages that are neither acknowledged nor in somebody's hands. */
  async waiting(): Promise<number> {
    return (await this.bus.queueDepth(QUEUES.notifications)).ready
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]()
    await this.bus.drain({ deadlineMs: 1_000 })
    await this.issuer[Symbol.asyncDispose]()
    await this.database.dispose()
    await this.rabbitmq.stop()
  }
}

/** A payment between two users of its own. */
export function paymentData(amount = 5_000): PaymentCompletedData {
  return {
    paymentId: randomUUID(),
    kind: 'payment',
    fromUserId: randomUUID(),
    toUserId: randomUUID(),
    amount,
    currency: 'USD',
    occurredAt: new Date().toISOString(),
  }
}
