// A scene for payments without the web: the real wallet-service with its ledger, the database of
// transaction-service, and payments accepted the way transaction-service accepts them (money held,
// then row and message in one transaction). Tests start the worker and the reversal themselves.
import { randomBytes, randomUUID } from 'node:crypto'
import {
  EXCHANGE,
  isPaymentHistory,
  QUEUES,
  walletView,
  type HeldKind,
  type PaymentExecuteData,
  type PaymentStatus,
  type WalletView,
} from '@payflow-app/contracts'
import { PaymentCompleted, PaymentExecute, PaymentFailed } from '@payflow-app/contracts/messages'
import { createHttpClient, type HttpClient } from '@payflow-app/service-kit'
import { newServiceKeys, serviceTokenOf } from '@payflow-app/service-kit/testing'
import { migrateTransaction, migrateWallet } from '@payflow-app/migrations'
import { createBus, type Bus, type Relay } from '@payflow/queue'
import {
  createTestDatabase,
  freePort,
  spawnChild,
  waitFor,
  type Child,
  type TestDatabase,
} from '@payflow/testkit'
import { sql } from 'kysely'
import { z } from 'zod'

const serviceKeys = newServiceKeys()
const openingCredit = 100_000

/** What a payment looks like when nobody asks for anything special. */
export interface PaymentInput {
  readonly kind?: HeldKind
  readonly fromUserId: string
  readonly toUserId: string
  readonly amount?: number
  /** Life of the hold; short ones show what happens when it has expired. */
  readonly holdMs?: number
  readonly createdMsAgo?: number
  readonly dispatchedMsAgo?: number
}

/** A payment's row, and how often its end was told. */
export interface PaymentState {
  readonly status: string
  readonly failureCode: string | null
  readonly resolvedBy: string | null
  readonly events: readonly string[]
}

export class Scene implements AsyncDisposable {
  readonly transactions: TestDatabase
  readonly wallets: TestDatabase
  readonly #walletPort: number
  /** wallet-service, as each of those calls it whom no process plays here. */
  readonly #asAuth: HttpClient
  readonly #asTransaction: HttpClient
  readonly #asWorker: HttpClient
  #wallet: Child
  #bus: Bus | undefined
  #relay: Relay | undefined

  private constructor(
    transactions: TestDatabase,
    wallets: TestDatabase,
    walletPort: number,
    wallet: Child,
  ) {
    this.transactions = transactions
    this.wallets = wallets
    this.#walletPort = walletPort
    this.#wallet = wallet
    this.#asAuth = walletClient(this.walletUrl, 'auth')
    this.#asTransaction = walletClient(this.walletUrl, 'transaction')
    this.#asWorker = walletClient(this.walletUrl, 'worker')
  }

  /** Opens a scene on the shared PostgreSQL, or on a private one that the test may kill. */
  static async open(serverUrl?: string): Promise<Scene> {
    const [transactions, wallets] =
      serverUrl === undefined
        ? await Promise.all([
            createTestDatabase({ migrate: migrateTransaction, cacheKey: 'payflow-transaction' }),
            createTestDatabase({ migrate: migrateWallet, cacheKey: 'payflow-wallet' }),
          ])
        : await Promise.all([
            createTestDatabase({ migrate: migrateTransaction, serverUrl }),
            createTestDatabase({ migrate: migrateWallet, serverUrl }),
          ])
    const port = await freePort()
    const wallet = await startWallet(wallets, port)
    const scene = new Scene(transactions, wallets, port, wallet)
    await scene.#walletReady()
    return scene
  }

  get walletUrl(): string {
    return `http://127.0.0.1:${this.#walletPort}`
  }

  /** What the worker and the reversal read from their environment. */
  environment(rabbitmqUrl: string, more: Readonly<Record<string, string>> = {}) {
    return {
      NODE_ENV: 'test',
      PAYFLOW_PROBES: '1',
      PORT: '0',
      DATABASE_URL: this.transactions.url,
      RABBITMQ_URL: rabbitmqUrl,
      WALLET_URL: this.walletUrl,
      ...serviceKeys,
      ...more,
    }
  }

  async stopWallet(): Promise<void> {
    await this.#wallet.kill()
  }

  async startWalletAgain(): Promise<void> {
    this.#wallet = await startWallet(this.wallets, this.#walletPort)
    await this.#walletReady()
  }

  /** A new user with a wallet that holds 100000 minor units. */
  async user(): Promise<string> {
    const userId = randomUUID()
    const answer = await this.#asAuth.request({
      method: 'POST',
      path: '/wallets',
      json: { userId, currency: 'USD' },
      schema: walletView,
    })
    if (answer.outcome !== 'ok') throw new Error(`POST /wallets answered ${answer.status}`)
    return userId
  }

  async users(count: number): Promise<string[]> {
    return await Promise.all(Array.from({ length: count }, () => this.user()))
  }

  async wallet(userId: string): Promise<WalletView> {
    const path = `/wallets/${userId}`
    const answer = await this.#asTransaction.request({ method: 'GET', path, schema: walletView })
    if (answer.outcome !== 'ok') throw new Error(`GET ${path} answered ${answer.status}`)
    return answer.body
  }

  /** Holds the money, then writes the payment and its message. */
  async accept(input: PaymentInput): Promise<PaymentExecuteData & { messageId: string }> {
    return await this.#write(await this.#hold(input), input, { kind: input.kind ?? 'payment' })
  }

  /** A payment that was executed; its message is long gone. */
  async completed(input: PaymentInput): Promise<PaymentExecuteData> {
    const data = await this.#hold(input)
    await this.post(data)
    const end = { status: 'COMPLETED', resolved_by: 'worker', completed_at: sql`now()` }
    const row = { ...rowOf(data, randomUUID(), input), dispatched_at: sql`now()`, ...end }
    await this.transactions.db.insertInto('payments').values(row).execute()
    return data
  }

  async #hold(input: PaymentInput): Promise<PaymentExecuteData> {
    const { kind = 'payment', amount = 5_000, holdMs = 86_400_000 } = input
    const { fromUserId, toUserId } = input
    const data = { paymentId: randomUUID(), fromUserId, toUserId, amount, currency: 'USD' as const }
    const { paymentId: transferId, ...parties } = data
    const held = await this.#asTransaction.request({
      method: 'POST',
      path: '/wallets/holds',
      json: { kind, transferId, ...parties, expiresInMs: holdMs },
      schema: z.object({ state: z.literal('held') }),
    })
    if (held.outcome !== 'ok') throw new Error(`the hold was refused: ${held.code}`)
    return data
  }

  async #write(
    data: PaymentExecuteData,
    input: PaymentInput,
    more: object,
  ): Promise<PaymentExecuteData & { messageId: string }> {
    const messageId = randomUUID()
    await this.transactions.db.transaction().execute(async (trx) => {
      await trx
        .insertInto('payments')
        .values({ ...rowOf(data, messageId, input), ...more })
        .execute()
      await this.#outboxBus().outbox(trx).publish(PaymentExecute, data, { id: messageId })
    })
    this.#bus?.wake()
    return { ...data, messageId }
  }

  /** Accepts the refund of a payment: a row and its message; nothing is held. */
  async acceptRefund(
    of: PaymentExecuteData,
    amount = of.amount,
  ): Promise<PaymentExecuteData & { messageId: string }> {
    const { paymentId: refundOf, fromUserId: toUserId, toUserId: fromUserId, currency } = of
    const data = { paymentId: randomUUID(), fromUserId, toUserId, amount, currency }
    return await this.#write(
      data,
      { fromUserId, toUserId },
      { kind: 'refund', refund_of: refundOf },
    )
  }

  /** Posts a payment in the ledger, as a worker does that dies before it can write it down. */
  async post(payment: PaymentExecuteData & { readonly kind?: HeldKind }): Promise<void> {
    const { paymentId, kind = 'payment', fromUserId, toUserId, amount, currency } = payment
    const answer = await this.#asWorker.request({
      method: 'POST',
      path: '/wallets/transfer',
      json: { transferId: paymentId, kind, fromUserId, toUserId, amount, currency },
      schema: z.object({ state: z.literal('posted') }),
    })
    if (answer.outcome !== 'ok') throw new Error(`the post was refused: ${answer.code}`)
  }

  /** Connects to the broker and sends what the outbox holds, as transaction-service does. */
  async connect(rabbitmqUrl: string): Promise<Bus> {
    const bus = this.#createBus(rabbitmqUrl)
    this.#bus = bus
    await bus.topology.apply()
    this.#relay = bus.relay({
      pollMs: 20,
      // What was told of a payment is read from the outbox.
      retentionMs: 86_400_000,
      onConfirmed: async (trx, rows) => {
        const sent = rows.filter((row) => row.type === PaymentExecute.type).map((row) => row.key)
        if (sent.length === 0) return
        await sql`update payments set dispatched_at = now()
          where id = any(${sent}::uuid[]) and dispatched_at is null`.execute(trx)
      },
    })
    this.#relay.start()
    return bus
  }

  async payment(paymentId: string): Promise<PaymentState> {
    const { rows } = await sql<PaymentState>`
      select status, failure_code as "failureCode", resolved_by as "resolvedBy",
        array(select type from queue.outbox where key = payments.id::text
          and type in (${PaymentCompleted.type}, ${PaymentFailed.type})) as events
      from payments where id = ${paymentId}`.execute(this.transactions.db)
    const row = rows[0]
    if (row === undefined) throw new Error(`there is no payment ${paymentId}`)
    return row
  }

  /** Fails when a payment has events that no payment can have lived through. */
  async requirePossibleHistories(): Promise<void> {
    const { rows } = await sql<{ status: PaymentStatus; types: string[] }>`
      select status, array(select type from payment_events
        where payment_id = payments.id order by id) as types
      from payments`.execute(this.transactions.db)
    for (const { status, types } of rows) {
      if (isPaymentHistory(status, types)) continue
      throw new Error(`a payment that is ${status} has lived: ${types.join(', ')}`)
    }
  }

  /** Makes it look as if the broker had confirmed the message long ago. */
  async sentLongAgo(paymentId: string): Promise<void> {
    await waitFor(async () => {
      const { rows } = await sql`update payments set dispatched_at = now() - interval '1 hour'
        where id = ${paymentId} and dispatched_at is not null returning id`.execute(
        this.transactions.db,
      )
      return rows.length === 1
    })
  }

  /** Waits until the payment has ended. */
  async ended(paymentId: string, timeoutMs = 30_000): Promise<PaymentState> {
    return await waitFor(
      async () => {
        const state = await this.payment(paymentId)
        return state.status === 'PENDING' ? undefined : state
      },
      { timeoutMs, message: `the end of payment ${paymentId}` },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bus?.drain({ deadlineMs: 1_000 })
    await this.#wallet.kill()
    await this.transactions.dispose()
    await this.wallets.dispose()
  }

  #outboxBus(): Bus {
    // Without a broker the outbox still takes messages; nothing connects until something must.
    this.#bus ??= this.#createBus('amqp://127.0.0.1:1')
    return this.#bus
  }

  #createBus(url: string): Bus {
    return createBus({
      broker: { url },
      db: this.transactions.db,
      source: 'transaction-service',
      topology: {
        exchange: EXCHANGE,
        bindings: [
          { queue: QUEUES.execute, types: [PaymentExecute.type] },
          { queue: QUEUES.notifications, types: [PaymentCompleted.type, PaymentFailed.type] },
        ],
      },
    })
  }

  async #walletReady(): Promise<void> {
    await waitFor(async () => (await fetch(`${this.walletUrl}/health/ready`)).ok, {
      timeoutMs: 60_000,
      message: () => `wallet-service to be ready\n${this.#wallet.stdout()}`,
    })
  }
}

function walletClient(baseUrl: string, caller: 'auth' | 'transaction' | 'worker'): HttpClient {
  const token = () => serviceTokenOf(serviceKeys, { caller, audience: 'wallet' })
  return createHttpClient({ name: 'wallet-service', baseUrl, token })
}

function startWallet(wallets: TestDatabase, port: number): Promise<Child> {
  return spawnChild(new URL('../../../services/wallet/src/main.ts', import.meta.url), {
    env: {
      NODE_ENV: 'test',
      PORT: `${port}`,
      DATABASE_URL: wallets.url,
      // No user calls here, so no key is ever fetched.
      JWKS_URL: 'http://127.0.0.1:1/.well-known/jwks.json',
      ...serviceKeys,
      OPENING_CREDIT_MINOR: `${openingCredit}`,
    },
  })
}

function rowOf(data: PaymentExecuteData, messageId: string, input: PaymentInput) {
  const ago = (ms: number) => sql<Date>`now() - ${`${ms} milliseconds`}::interval`
  const { createdMsAgo = 0, dispatchedMsAgo } = input
  return {
    id: data.paymentId,
    from_user_id: data.fromUserId,
    to_user_id: data.toUserId,
    amount_minor: data.amount,
    currency: data.currency,
    idempotency_key: randomUUID(),
    fingerprint: randomBytes(32),
    message_id: messageId,
    created_at: ago(createdMsAgo),
    dispatched_at: dispatchedMsAgo === undefined ? null : ago(dispatchedMsAgo),
  }
}
