// transaction-service and wallet-service as processes of their own, each with its own database.
import { randomUUID } from 'node:crypto'
import type { CreateTransactionRequest } from '@payflow-app/contracts'
import { migrateTransaction, migrateWallet } from '@payflow-app/migrations'
import type { ServiceCall } from '@payflow-app/contracts/internal'
import { newServiceKeys, serviceTokenOf, type ServiceKeys } from '@payflow-app/service-kit/testing'
import {
  RunningService,
  send,
  startTokenIssuer,
  type Incoming,
  type TokenIssuer,
} from '@payflow-app/testing'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'

/** Nobody listens there: PayFlow without a broker. */
export const NO_BROKER = 'amqp://127.0.0.1:1'

/** A user with a token and a wallet that holds 100000. */
export interface User {
  readonly id: string
  readonly token: string
}

/** The two services and everything a test needs to make payments. */
export class Payments implements AsyncDisposable {
  readonly issuer: TokenIssuer
  readonly database: TestDatabase
  readonly wallet: RunningService
  readonly transaction: RunningService
  readonly #walletDatabase: TestDatabase
  readonly #keys: ServiceKeys
  readonly #env: Readonly<Record<string, string>>

  private constructor(parts: {
    issuer: TokenIssuer
    database: TestDatabase
    walletDatabase: TestDatabase
    wallet: RunningService
    transaction: RunningService
    keys: ServiceKeys
    env: Readonly<Record<string, string>>
  }) {
    this.issuer = parts.issuer
    this.database = parts.database
    this.#walletDatabase = parts.walletDatabase
    this.wallet = parts.wallet
    this.transaction = parts.transaction
    this.#keys = parts.keys
    this.#env = parts.env
  }

  static async start(
    servers: {
      rabbitmqUrl?: string
      postgresUrl?: string
      /** More of the environment of transaction-service. */
      env?: Readonly<Record<string, string>>
    } = {},
  ): Promise<Payments> {
    const { rabbitmqUrl = NO_BROKER, postgresUrl, env } = servers
    const place = postgresUrl === undefined ? {} : { serverUrl: postgresUrl }
    const keys = newServiceKeys()
    const issuer = await startTokenIssuer()
    const database = await createTestDatabase({
      ...place,
      migrate: migrateTransaction,
      cacheKey: 'payflow-transaction',
    })
    const walletDatabase = await createTestDatabase({
      ...place,
      migrate: migrateWallet,
      cacheKey: 'payflow-wallet',
    })
    const shared = {
      JWKS_URL: issuer.jwksUrl,
      ...keys,
      LOG_LEVEL: 'warn',
      FLOW_INTERVAL_MS: '100',
    }
    const wallet = await RunningService.start('wallet', {
      ...shared,
      DATABASE_URL: walletDatabase.url,
      OPENING_CREDIT_MINOR: '100000',
    })
    const own = {
      ...shared,
      DATABASE_URL: database.url,
      RABBITMQ_URL: rabbitmqUrl,
      WALLET_URL: wallet.url,
      ...env,
    }
    const transaction = await RunningService.start('transaction', own)
    return new Payments({ issuer, database, walletDatabase, wallet, transaction, keys, env: own })
  }

  /** Another process of transaction-service beside the first, with more in its environment. */
  async another(env: Readonly<Record<string, string>>): Promise<RunningService> {
    return await RunningService.start('transaction', { ...this.#env, ...env })
  }

  /** New users, each with an open wallet. */
  async users(count: number): Promise<User[]> {
    return await Promise.all(
      Array.from({ length: count }, async () => {
        const id = randomUUID()
        const token = await this.#serviceToken('auth')
        const json = { userId: id, currency: 'USD' }
        const opened = await send(`${this.wallet.url}/wallets`, { token, json })
        if (opened.status !== 201) throw new Error(`POST /wallets answered ${opened.status}`)
        return { id, token: await this.issuer.accessToken(id) }
      }),
    )
  }

  /** Asks for a payment of 5000 to `to`; `more` replaces fields of the body. */
  async pay(
    from: User,
    to: User,
    key: string = randomUUID(),
    more: Partial<CreateTransactionRequest> = {},
  ): Promise<Incoming> {
    return await send(`${this.transaction.url}/transactions`, {
      token: from.token,
      headers: { 'idempotency-key': key },
      json: { toUserId: to.id, amount: 5_000, currency: 'USD', ...more },
    })
  }

  /** Asks for a top-up or a withdrawal of 5000. */
  async move(
    user: User,
    what: 'top-ups' | 'withdrawals',
    { key = randomUUID() as string, amount = 5_000, currency = 'USD' } = {},
  ): Promise<Incoming> {
    return await send(`${this.transaction.url}/wallets/me/${what}`, {
      token: user.token,
      headers: { 'idempotency-key': key },
      json: { amount, currency },
    })
  }

  /** Asks to refund a payment; without an amount, all that is left. */
  async refund(
    user: User,
    paymentId: string,
    body: { amount?: number; note?: string } = {},
    key: string = randomUUID(),
  ): Promise<Incoming> {
    return await send(`${this.transaction.url}/transactions/${paymentId}/refunds`, {
      token: user.token,
      headers: { 'idempotency-key': key },
      json: body,
    })
  }

  /** Posts what was accepted and writes down how it ended, as the worker does. */
  async execute(accepted: Incoming): Promise<Incoming> {
    const posted = await this.post(accepted)
    const ended = posted.status === 200
    await this.database.db
      .updateTable('payments')
      .set({
        status: ended ? 'COMPLETED' : 'FAILED',
        failure_code: ended ? null : posted.body.code,
        completed_at: new Date(),
        resolved_by: 'worker',
      })
      .where('id', '=', accepted.body.id)
      .execute()
    return posted
  }

  async get(user: User, path: string): Promise<Incoming> {
    return await send(this.transaction.url + path, { token: user.token })
  }

  async balance(user: User): Promise<{ balance: number; available: number; pending: number }> {
    const { body } = await send(`${this.wallet.url}/wallets/${user.id}`, { token: user.token })
    return { balance: body.balance, available: body.available, pending: body.pending }
  }

  /** Posts the hold of a payment, as the worker does. */
  async post(payment: Incoming): Promise<Incoming> {
    const { id: transferId, kind, fromUserId, toUserId, amount, currency } = payment.body
    const { refundOf: paymentId } = payment.body
    return await send(`${this.wallet.url}/wallets/${kind === 'refund' ? 'refunds' : 'transfer'}`, {
      token: await this.#serviceToken('worker'),
      json: { transferId, kind, fromUserId, toUserId, amount, currency, paymentId },
    })
  }

  /** Releases the hold of a payment, as the reversal job does. */
  async release(paymentId: string): Promise<Incoming> {
    return await send(`${this.wallet.url}/wallets/holds/${paymentId}/release`, {
      method: 'POST',
      token: await this.#serviceToken('reversal'),
    })
  }

  /** Notes that the broker has the message of a payment, as the relay does. */
  async dispatch(id: string): Promise<void> {
    await sql`update payments set dispatched_at = now() where id = ${id}`.execute(this.database.db)
  }

  /** Ends a payment in the table, as the worker does. */
  async end(id: string, failureCode: string | null = null): Promise<void> {
    await sql`update payments set status = ${failureCode === null ? 'COMPLETED' : 'FAILED'},
      failure_code = ${failureCode}, completed_at = now(), resolved_by = 'worker'
      where id = ${id}`.execute(this.database.db)
  }

  /** Writes refunds of a payment, of 1 each, that have this status: in the table only. */
  async haveRefunds(paymentId: string, status: string, count: number): Promise<void> {
    const ended = status !== 'PENDING'
    await sql`insert into payments (id, kind, refund_of, from_user_id, to_user_id, amount_minor,
        currency, idempotency_key, fingerprint, message_id, status, failure_code, completed_at,
        resolved_by)
      select gen_random_uuid(), 'refund', id, to_user_id, from_user_id, 1, currency,
        gen_random_uuid()::text, '', gen_random_uuid(), ${status}::text,
        ${status === 'FAILED' ? 'insufficient_funds' : null}::text,
        ${ended ? new Date() : null}::timestamptz, ${ended ? 'worker' : null}::text
      from payments, generate_series(1, ${count}::int) where id = ${paymentId}`.execute(
      this.database.db,
    )
  }

  /** What is stored about the payments of a user, as sender. */
  async stored(user: User): Promise<{ claims: number; payments: number; messages: number }> {
    const { rows } = await sql<{ claims: number; payments: number; messages: number }>`
      select
        (select count(*)::int from payment_claims where user_id = ${user.id}) as claims,
        (select count(*)::int from payments where from_user_id = ${user.id}) as payments,
        (select count(*)::int from queue.outbox
          join payments on payments.message_id::text = outbox.id
          where from_user_id = ${user.id}) as messages`.execute(this.database.db)
    const [row] = rows
    if (!row) throw new Error('an aggregate always has a row')
    return row
  }

  /** Asserts that the books balance and returns what all wallets hold together. */
  async audit(): Promise<number> {
    const token = await this.#serviceToken('transaction')
    const { body } = await send(`${this.wallet.url}/wallets/audit`, { token })
    if (!body.sound) throw new Error(`the books do not balance: ${JSON.stringify(body)}`)
    return body.currencies[0]?.inWallets ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transaction[Symbol.asyncDispose]()
    await this.wallet[Symbol.asyncDispose]()
    await this.issuer[Symbol.asyncDispose]()
    await this.database.dispose()
    await this.#walletDatabase.dispose()
  }

  #serviceToken(caller: Exclude<ServiceCall['caller'], 'notification'>): Promise<string> {
    return serviceTokenOf(this.#keys, { caller, audience: 'wallet' })
  }
}
