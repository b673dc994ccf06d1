/*
 * The part of notification-service that sends mail: the service as a process of its own, a real
 * auth-service that knows the users, a real mail server. No broker: mails are written down as the
 * consumer writes them, by its own statement.
 */
import { randomUUID } from 'node:crypto'
import { migrateAuth, migrateNotification } from '@payflow-app/migrations'
import { newSecrets } from '@payflow-app/service-kit/testing'
import { RunningService } from '@payflow-app/testing'
import { createTestDatabase, freePort, waitFor, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import type { NewMail } from '../../src/mail/mail.ts'
import { insertMails } from '../../src/sql/insert-mails.ts'
import { MailServer, type TakenMail } from './mail-server.ts'

/** A user of auth-service. */
export interface Person {
  readonly id: string
  readonly email: string
  readonly name: string
}

/** What the table says of a mail. */
export interface Delivery {
  readonly state: string
  readonly attempts: number
  readonly reason: string | null
  readonly maybe_taken: boolean
  readonly contact: unknown
  readonly secret: string | null
}

export class MailRoom implements AsyncDisposable {
  readonly server: MailServer
  readonly database: TestDatabase
  readonly auth: RunningService
  readonly service: RunningService
  readonly #authDatabase: TestDatabase
  readonly #env: Readonly<Record<string, string>>

  private constructor(
    parts: Pick<MailRoom, 'server' | 'database' | 'auth' | 'service'>,
    authDatabase: TestDatabase,
    env: Readonly<Record<string, string>>,
  ) {
    this.server = parts.server
    this.database = parts.database
    this.auth = parts.auth
    this.service = parts.service
    this.#authDatabase = authDatabase
    this.#env = env
  }

  static async start(own: Readonly<Record<string, string>> = {}): Promise<MailRoom> {
    const secrets = await newSecrets()
    const nowhere = `127.0.0.1:${await freePort()}`
    const [authDatabase, database, server] = await Promise.all([
      createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' }),
      createTestDatabase({ migrate: migrateNotification, cacheKey: 'payflow-notification' }),
      MailServer.start(),
    ])
    const auth = await RunningService.start('auth', {
      ...secrets,
      DATABASE_URL: authDatabase.url,
      WALLET_URL: `http://${nowhere}`,
      RABBITMQ_URL: `amqp://${nowhere}`,
      LOG_LEVEL: 'fatal',
    })
    const env = {
      DATABASE_URL: database.url,
      RABBITMQ_URL: `amqp://${nowhere}`,
      JWKS_URL: `${auth.url}/.well-known/jwks.json`,
      AUTH_URL: auth.url,
      SERVICE_KEY_NOTIFICATION_TO_AUTH: secrets.SERVICE_KEY_NOTIFICATION_TO_AUTH,
      SMTP_URL: server.url,
      SMTP_TLS: 'offered',
      MAIL_FROM: 'PayFlow <no-reply@payflow.test>',
      PUBLIC_URL: 'http://127.0.0.1:3000',
      MAIL_POLL_MS: '20',
      MAIL_RETRY_FIRST_MS: '20',
      MAIL_ATTEMPTS_MAX: '3',
      ...own,
    }
    const service = await RunningService.start('notification', env)
    return new MailRoom({ server, database, auth, service }, authDatabase, env)
  }

  /** Another process that sends mail from the same table. */
  async another(): Promise<RunningService> {
    return await RunningService.start('notification', this.#env)
  }

  /** A user, written into auth-service's table as it is: also with a name that no one may choose. */
  async person(name = 'Ada Lovelace', email = `${randomUUID()}@payflow.test`): Promise<Person> {
    const id = randomUUID()
    await sql`insert into users (id, email, name, password_hash)
      values (${id}, ${email}, ${name}, '-')`.execute(this.#authDatabase.db)
    return { id, email, name }
  }

  async write(...mails: readonly NewMail[]): Promise<void> {
    await this.database.db.transaction().execute((trx) => insertMails(trx, mails))
  }

  async delivery(eventId: string): Promise<Delivery | undefined> {
    const { rows } = await sql<Delivery>`
      select state, attempts, reason, maybe_taken, contact, secret from mail_deliveries
      where event_id = ${eventId}`.execute(this.database.db)
    return rows[0]
  }

  /** Resolves when the mail of an event has come to this state. */
  async until(eventId: string, state: string): Promise<Delivery> {
    let last: Delivery | undefined
    return await waitFor(
      async () => {
        last = await this.delivery(eventId)
        return last?.state === state ? last : undefined
      },
      { timeoutMs: 60_000, message: () => `${state}: ${JSON.stringify(last)}` },
    )
  }

  /** The mails to somebody, when there are so many. */
  async received({ email }: Person, count = 1): Promise<TakenMail[]> {
    return await waitFor(
      () => (this.server.to(email).length >= count ? this.server.to(email) : undefined),
      { timeoutMs: 60_000, message: () => `mail ${count} to ${email}` },
    )
  }

  /** Resolves when no mail is on its way any more. */
  async idle(): Promise<void> {
    let open: unknown[] = []
    await waitFor(
      async () => {
        const { rows } = await sql`
          select state, attempts, reason from mail_deliveries
          where state in ('pending', 'sending')`.execute(this.database.db)
        open = rows
        return rows.length === 0
      },
      { timeoutMs: 60_000, message: () => `the last mail: ${JSON.stringify(open)}` },
    )
  }

  /** Lets the leases of those who died end now, rather than in minutes. */
  async endLeases(): Promise<void> {
    await sql`update mail_deliveries set due_at = now() where state = 'sending'`.execute(
      this.database.db,
    )
  }

  async metric(name: string, labels = ''): Promise<number | undefined> {
    const text = await (await fetch(`${this.service.url}/metrics`)).text()
    const line = text.split('\n').find((one) => one.startsWith(name) && one.includes(labels))
    return line === undefined ? undefined : Number(line.split(' ').at(-1))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]()
    await this.auth[Symbol.asyncDispose]()
    await this.server.stop()
    await this.database.dispose()
    await this.#authDatabase.dispose()
  }
}

/** A mail about a payment of $50.00, to whoever sent it, received it, or failed to send it. */
export function paymentMail(
  to: Person,
  about: { readonly kind?: 'payment_sent' | 'payment_received'; readonly other?: string } = {},
): NewMail {
  return {
    id: randomUUID(),
    eventId: randomUUID(),
    userId: to.id,
    about: {
      kind: about.kind ?? 'payment_sent',
      paymentId: randomUUID(),
      counterpartyId: about.other ?? to.id,
      amountMinor: '5000',
      currency: 'USD',
      failureCode: null,
      occurredAt: '2026-11-23T07:12:00.000Z',
    },
  }
}
