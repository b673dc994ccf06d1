/*
 * Books as the services leave them, made without any service: two wallets, the bank, and a payment
 * of every kind. Ids are constants, so that the databases can be copied and not filled each time.
 */
import { randomUUID } from 'node:crypto'
import { SANDBOX_BANK_ID } from '@payflow-app/contracts'
import { migrateTransaction, migrateWallet } from '@payflow-app/migrations'
import { createLedger } from '@payflow/ledger'
import { createTestDatabase } from '@payflow/testkit'
import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Books } from '../../src/books/index.ts'

const ledger = createLedger()

const id = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

/** Who pays, and who is paid. */
export const [ADA, BOB, EVE, BANK] = [id(1), id(2), id(3), SANDBOX_BANK_ID] as const

/** The ledger's accounts of them, and where opening credits come from. */
export const ACCOUNTS: Readonly<Record<string, string>> = {
  [ADA]: id(11),
  [BOB]: id(12),
  [EVE]: id(13),
  [BANK]: id(14),
}
const FUNDING = id(15)

/** The payments that are there. */
export const PAID = id(21)
export const PAID_BACK = id(22)
export const REFUND = id(23)
export const TOP_UP = id(24)
export const WITHDRAWAL = id(25)
export const FAILED = id(26)
export const PENDING = id(27)

/** What a payment is made of. */
export interface Deal {
  readonly id?: string
  readonly kind?: 'payment' | 'top_up' | 'withdrawal' | 'refund'
  readonly from?: string
  readonly to?: string
  readonly amountMinor?: bigint
  readonly refundOf?: string
  readonly createdAt?: Date
}

type Status = 'PENDING' | 'COMPLETED' | 'FAILED'

/** The databases of one test, and the hands that write into them. */
export interface Bookkeeping extends AsyncDisposable {
  readonly books: Books
  readonly transaction: Kysely<any>
  readonly wallet: Kysely<any>
  readonly urls: { readonly transaction: string; readonly wallet: string }
}

/** Copies the books. */
export async function openBookkeeping(): Promise<Bookkeeping> {
  const transaction = await createTestDatabase({
    cacheKey: 'payflow-operator-transaction',
    migrate: async (db) => {
      await migrateTransaction(db)
      await writePayments(db)
    },
  })
  const wallet = await createTestDatabase({
    cacheKey: 'payflow-operator-wallet',
    migrate: async (db) => {
      await migrateWallet(db)
      await writeLedger(db)
    },
  })
  return {
    transaction: transaction.db,
    wallet: wallet.db,
    urls: { transaction: transaction.url, wallet: wallet.url },
    books: {
      book(name) {
        if (name === 'notification') throw new Error('an audit does not read notifications')
        return name === 'transaction' ? transaction.db : wallet.db
      },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([transaction.dispose(), wallet.dispose()])
    },
  }
}

const deals = {
  paid: { id: PAID, amountMinor: 50n },
  paidBack: { id: PAID_BACK, amountMinor: 50n },
  refund: { id: REFUND, kind: 'refund', from: BOB, to: ADA, amountMinor: 20n, refundOf: PAID_BACK },
  topUp: { id: TOP_UP, kind: 'top_up', from: BANK, to: ADA, amountMinor: 300n },
  withdrawal: { id: WITHDRAWAL, kind: 'withdrawal', from: ADA, to: BANK, amountMinor: 200n },
  failed: { id: FAILED },
  pending: { id: PENDING },
} as const satisfies Record<string, Deal>

async function writePayments(db: Kysely<any>): Promise<void> {
  for (const deal of [deals.paid, deals.paidBack, deals.refund, deals.topUp, deals.withdrawal]) {
    await writePayment(db, deal, 'COMPLETED')
  }
  await writePayment(db, deals.failed, 'FAILED')
  await writePayment(db, deals.pending, 'PENDING')
}

async function writeLedger(db: Kysely<any>): Promise<void> {
  for (const [owner, account] of [...Object.entries(ACCOUNTS), ['', FUNDING] as const]) {
    const isWallet = owner !== BANK && owner !== ''
    await created(
      ledger.accounts.create(db, {
        id: account,
        currency: 'USD',
        kind: owner === BANK ? 'asset' : isWallet ? 'liability' : 'equity',
        floorMinor: isWallet ? 0n : null,
        ...(owner === BANK && { hot: 'sharded:16', metadata: { purpose: 'sandbox bank' } }),
      }),
    )
    if (isWallet) {
      await sql`insert into wallets (user_id, currency, account_id)
        values (${owner}, 'USD', ${account})`.execute(db)
    }
  }
  for (const owner of [ADA, BOB]) {
    const opening = { debitAccountId: FUNDING, creditAccountId: ACCOUNTS[owner]! }
    await created(
      ledger.transfer(db, {
        id: randomUUID(),
        ...opening,
        amountMinor: 1_000n,
        currency: 'USD',
        code: 'opening_credit',
      }),
    )
  }
  for (const deal of [deals.paid, deals.paidBack, deals.topUp, deals.withdrawal]) {
    await hold(db, deal)
    await capture(db, deal.id)
  }
  await reverse(db, deals.refund.refundOf, deals.refund)
  await hold(db, deals.failed)
  await created(ledger.release(db, { holdId: FAILED }))
  await hold(db, deals.pending)
}

/** Writes a payment with its claim, the way transaction-service and a worker do. */
export async function writePayment(db: Kysely<any>, deal: Deal, status: Status): Promise<string> {
  const { kind = 'payment', from = ADA, to = BOB, amountMinor = 10n, refundOf = null } = deal
  const { id: paymentId = randomUUID(), createdAt = new Date() } = deal
  await writeClaim(db, paymentId, { userId: kind === 'top_up' ? to : from })
  await sql`insert into payments (id, kind, from_user_id, to_user_id, amount_minor, currency,
      refund_of, idempotency_key, fingerprint, message_id, created_at)
    values (${paymentId}, ${kind}, ${from}, ${to}, ${amountMinor}, 'USD', ${refundOf}, ${paymentId},
      '', gen_random_uuid(), ${createdAt})`.execute(db)
  await sql`update payments set dispatched_at = ${createdAt} where id = ${paymentId}`.execute(db)
  if (status !== 'PENDING') {
    await sql`update payments set status = ${status}, completed_at = now(), resolved_by = 'worker',
      failure_code = ${status === 'FAILED' ? 'hold_expired' : null}
      where id = ${paymentId}`.execute(db)
  }
  return paymentId
}

/** Writes that somebody asked for a payment; a refusal is the ledger's answer. */
export async function writeClaim(
  db: Kysely<any>,
  paymentId: string,
  { userId = ADA, isRefused = false }: { userId?: string; isRefused?: boolean } = {},
): Promise<void> {
  const refusal = isRefused ? JSON.stringify({ code: 'insufficient-funds' }) : null
  await sql`insert into payment_claims (user_id, key, payment_id, fingerprint, refusal, refused_at)
    values (${userId}, ${paymentId}, ${paymentId}, '', ${refusal}::jsonb,
      case when ${isRefused}::boolean then now() end)`.execute(db)
}

/** Holds the money of a payment; for a day, as the services do. */
export async function hold(
  db: Kysely<any>,
  deal: Deal,
  expiresInMs: number | null = 86_400_000,
): Promise<string> {
  const { id: holdId = randomUUID(), from = ADA, to = BOB, amountMinor = 10n } = deal
  const accounts = { debitAccountId: ACCOUNTS[from]!, creditAccountId: ACCOUNTS[to]! }
  const { kind: code = 'payment' } = deal
  const held = { id: holdId, ...accounts, amountMinor, currency: 'USD', code, expiresInMs }
  await created(ledger.hold(db, held))
  return holdId
}

/** Posts a hold: whole, or a part under an id of its own. */
export async function capture(
  db: Kysely<any>,
  holdId: string,
  part?: { readonly id: string; readonly amountMinor: bigint },
): Promise<void> {
  await created(ledger.capture(db, { holdId, ...(part && { ...part, final: false }) }))
}

/** Gives a posted payment back. */
export async function reverse(
  db: Kysely<any>,
  transferId: string,
  { id: reversalId = randomUUID(), amountMinor = 10n }: Deal,
): Promise<string> {
  await created(ledger.reverse(db, { id: reversalId, transferId, amountMinor, code: 'refund' }))
  return reversalId
}

/** Writes past the guards of a table, as only its owner can. */
export async function forge(db: Kysely<any>, ...statements: RawBuilder<unknown>[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx)
    for (const statement of statements) {
      const { numAffectedRows } = await statement.execute(trx)
      if (numAffectedRows === 0n) throw new Error('nothing was forged')
    }
  })
}

async function created(answer: Promise<{ readonly outcome: string }>): Promise<void> {
  const { outcome } = await answer
  if (outcome !== 'created') throw new Error(`the ledger answered ${outcome}`)
}
