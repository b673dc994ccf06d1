// The modules of PayFlow that make a payment, driven step by step over two real databases and the
// real wallet-service: createPayment of transaction-service, the worker's handler, the reversal job.
import { EXCHANGE, type PaymentExecuteData } from '@payflow-app/contracts'
import { PaymentExecute } from '@payflow-app/contracts/messages'
import { createDatabase, createLogger, type Database, type Probe } from '@payflow-app/service-kit'
import { createLedger } from '@payflow/ledger'
import { createBus, type Bus, type Outbox } from '@payflow/queue'
import { sql } from 'kysely'
import { walletAccountId } from '../../../services/wallet/src/account-ids.ts'
import { createPayment } from '../../../services/transaction/src/create-payment.ts'
import type { TransactionDatabase } from '../../../services/transaction/src/database.ts'
import { paymentRequest } from '../../../services/transaction/src/payment-request.ts'
import { markDispatched } from '../../../services/transaction/src/sql/mark-dispatched.ts'
import { createWalletClient as createHoldClient } from '../../../services/transaction/src/wallet-client.ts'
import { executePayment } from '../../src/execute-payment.ts'
import type { PaymentsDatabase } from '../../src/payments-database.ts'
import type { PaymentReversal } from '../../src/reversal.ts'
import { createWalletClient, type WalletClient } from '../../src/wallet-client.ts'
import { Actor } from './actor.ts'
import { reversalOf } from './processes.ts'
import type { Scene } from './scene.ts'

const NO_BROKER = 'amqp://127.0.0.1:1'
export const OPENING = 100_000
/** Two of them are more than the sender has: the second is refused, or waits for the first's end. */
export const AMOUNT = 60_000

/** What the databases say about one payment. The ledger is read last: what it decided stays. */
export interface PaymentFacts {
  readonly id: string
  readonly refused: boolean
  readonly status: string | null
  readonly failureCode: string | null
  readonly events: readonly string[]
  /** What `payment_events` says, in its order. */
  readonly history: readonly string[]
  readonly captures: number
  readonly hold: string | null
  readonly tombstone: boolean
}

type Pass = Actor['pass']
type Message = Parameters<ReturnType<typeof executePayment>['decide']>[0]

const logger = createLogger({ service: 'payment-world', level: 'silent' })

/** Everything but the payments: opened once. */
export class PaymentWorld implements AsyncDisposable {
  readonly scene: Scene
  readonly #database: Database<PaymentsDatabase & TransactionDatabase>
  readonly #bus: Bus
  readonly #jobs: readonly PaymentReversal[]
  readonly #jobPass: (Pass | undefined)[] = []
  readonly #rowFailures: unknown[] = []
  readonly #ledger = createLedger()
  readonly #published = new Map<string, PaymentExecuteData & { readonly messageId: string }>()
  readonly #holds: ReturnType<typeof createHoldClient>
  readonly #wallet: WalletClient

  constructor(scene: Scene) {
    this.scene = scene
    const environment = scene.environment(NO_BROKER)
    const { DATABASE_URL: url, WALLET_URL: baseUrl } = environment
    this.#database = createDatabase({ url, applicationName: 'world', logger, poolMax: 16 })
    this.#bus = createBus({
      broker: { url: NO_BROKER },
      db: this.#database.db,
      source: 'payment-world',
      topology: { exchange: EXCHANGE },
      logger,
    })
    this.#holds = createHoldClient({
      baseUrl,
      key: [environment.SERVICE_KEY_TRANSACTION_TO_WALLET],
      timeoutMs: 10_000,
    })
    this.#wallet = createWalletClient({
      baseUrl,
      key: [environment.SERVICE_KEY_WORKER_TO_WALLET],
      caller: 'worker',
    })
    this.#jobs = [0, 1].map((job) => this.#createJob(job))
  }

  #createJob(job: number): PaymentReversal {
    const probe: Probe = (point) => this.#jobPass[job]?.(point)
    return reversalOf(this.scene, NO_BROKER, probe, (event) => {
      if (event.type === 'row_failed') this.#rowFailures.push(event.error)
    })
  }

  /** One request for a payment, as transaction-service handles it. */
  request(from: string, to: string, key: string, haltAt?: string): Actor {
    return new Actor(`request ${key.slice(0, 1)}`, haltAt, async (pass) => {
      await createPayment(
        {
          db: this.#database.db as never,
          bus: this.#bus,
          wallet: this.#holds,
          holdExpiresMs: 86_400_000,
          limits: {},
          logger,
          probe: pass,
        },
        paymentRequest({ userId: from, key }, { toUserId: to, amount: AMOUNT, currency: 'USD' }),
      )
    })
  }

  /** What the relay does with the messages of payments, the broker left out. */
  relay(haltAt?: string): Actor {
    return new Actor('relay', haltAt, async (pass) => {
      const { db } = this.#database
      const { rows } = await sql<{ id: string; key: string; payload: Buffer }>`
        select id, key, payload from queue.outbox
        where state = 'pending' and type = ${PaymentExecute.type}`.execute(db)
      await pass('relay.claimed')
      for (const { id, key, payload } of rows) {
        this.#published.set(key, { ...JSON.parse(payload.toString()), messageId: id })
      }
      await pass('relay.confirmed')
      await db.transaction().execute(async (trx) => {
        await markDispatched(
          trx,
          rows.map(({ key }) => key),
        )
        await sql`update queue.outbox set state = 'sent', settled_at = now()
          where id = any(${rows.map(({ id }) => id)}) and state in ('pending', 'cancelled')`.execute(
          trx,
        )
      })
    })
  }

  hasMessage(paymentId: string): boolean {
    return this.#published.has(paymentId)
  }

  /** One delivery of a payment's message, to a worker that never saw it before. */
  deliver(paymentId: string, haltAt?: string): Actor {
    const data = this.#published.get(paymentId)
    if (data === undefined) throw new Error(`there is no message for ${paymentId}`)
    return new Actor(`worker ${paymentId}`, haltAt, (pass) => this.#work(data, pass))
  }

  async #work(
    { messageId, ...data }: PaymentExecuteData & { readonly messageId: string },
    pass: Pass,
  ): Promise<void> {
    const { db } = this.#database
    const wallet: WalletClient = {
      post: async (payment, signal) => {
        await pass('worker.read')
        const answer = await this.#wallet.post(payment, signal)
        await pass('worker.posted')
        return answer
      },
      release: async (id, signal) => {
        const answer = await this.#wallet.release(id, signal)
        await pass('worker.sealed')
        return answer
      },
    }
    const outcomes = { written: () => {}, observe: () => {} }
    const { decide, record } = executePayment({ db, wallet, outcomes })
    const message = { id: messageId, data, headers: {} } as unknown as Message
    const delivery = { signal: new AbortController().signal, attempt: 1, redelivered: false }
    const decision = await decide(message, delivery)
    await pass('worker.decided')
    await db.transaction().execute(async (trx) => {
      const outbox: Outbox = this.#bus.outbox(trx)
      await record(message, decision, { ...delivery, trx: trx as never, outbox })
      await pass('worker.recorded')
    })
  }

  /** One run of one of two reversal jobs. */
  reverse(job: 0 | 1, haltAt?: string): Actor {
    return new Actor(`job ${job}`, haltAt, async (pass) => {
      this.#jobPass[job] = pass
      await this.#jobs[job]?.reversal.run()
    })
  }

  /** What rows failed by since this was asked last. */
  takeRowFailures(): readonly unknown[] {
    return this.#rowFailures.splice(0)
  }

  /** Moves the clock of the payments' database by moving what it is compared with. */
  async jump(from: string, minutes: number): Promise<void> {
    await sql`update payments set
        created_at = created_at - ${`${minutes} minutes`}::interval,
        dispatched_at = dispatched_at - ${`${minutes} minutes`}::interval
      where id in (select id from payments where from_user_id = ${from} and status = 'PENDING'
        for update skip locked)`.execute(this.#database.db)
  }

  /**
   * Moves the clock of the ledger's database past the end of open holds, or back before it: what it
   * is compared with moves. That includes the horizon, without which a hold found expired would be
   * valid again after its money was promised to another: no clock can do that (LEDGER-28).
   */
  async jumpOfHolds(from: string, to: string, days: number): Promise<void> {
    const [account, other] = [walletAccountId(from, 'USD'), walletAccountId(to, 'USD')]
    const jump = sql`${`${days} days`}::interval`
    await this.scene.wallets.db.transaction().execute(async (trx) => {
      // Nobody but a superuser in this mode can: a hold's end is fixed.
      await sql`set local session_replication_role = replica`.execute(trx)
      await sql`update ledger.account set expiry_horizon = expiry_horizon + ${jump}
        where id in (${account}, ${other})`.execute(trx)
      await sql`update ledger.hold set expires_at = expires_at + ${jump}
        where debit_id = ${account} and state = 'open'`.execute(trx)
    })
  }

  async freezeRecipient(to: string, isFrozen: boolean): Promise<void> {
    const id = walletAccountId(to, 'USD')
    const verb = isFrozen ? this.#ledger.accounts.freeze : this.#ledger.accounts.unfreeze
    await verb(this.scene.wallets.db, { id, credits: true })
  }

  /** Whether somebody waits for a lock, so that looking again would not help. */
  readonly waitsForLock = async (): Promise<boolean> => {
    const { rows } = await sql<{ waiting: boolean }>`
      select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock') as waiting`.execute(
      this.scene.transactions.db,
    )
    return rows[0]?.waiting ?? false
  }

  /** All payments that this user asked for. */
  async facts(from: string): Promise<readonly PaymentFacts[]> {
    const { rows } = await sql<Omit<PaymentFacts, 'captures' | 'hold' | 'tombstone'>>`
      select c.payment_id as id, c.refusal is not null as refused, p.status,
        p.failure_code as "failureCode",
        array(select o.type from queue.outbox o where o.key = c.payment_id::text
          and o.type <> ${PaymentExecute.type}) as events,
        array(select e.type from payment_events e
          where e.payment_id = c.payment_id order by e.id) as history
      from payment_claims c left join payments p on p.id = c.payment_id
      where c.user_id = ${from} order by c.key`.execute(this.scene.transactions.db)
    const ledger = await sql<{ id: string; captures: number; hold: string; tombstone: boolean }>`
      select i.id, h.state as hold, coalesce(h.tombstone, false) as tombstone,
        (select count(*)::int from ledger.transfer t where t.hold_id = i.id) as captures
      from unnest(${rows.map(({ id }) => id)}::uuid[]) as i (id)
      left join ledger.hold h on h.id = i.id`.execute(this.scene.wallets.db)
    const byId = new Map(ledger.rows.map((row) => [row.id, row]))
    return rows.map((row) => ({
      ...row,
      captures: byId.get(row.id)?.captures ?? 0,
      hold: byId.get(row.id)?.hold ?? null,
      tombstone: byId.get(row.id)?.tombstone ?? false,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#jobs.map((job) => job.close()))
    await this.#bus.drain({ deadlineMs: 1_000 })
    await this.#database.close()
    await this.scene[Symbol.asyncDispose]()
  }
}
