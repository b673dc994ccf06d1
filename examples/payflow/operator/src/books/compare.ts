import { sql, type Kysely } from 'kysely'
import type { AddFault, AuditOptions } from './audit-books.ts'
import type { Books } from './index.ts'
import { pagesOf, type ReadPage } from './pages.ts'
import { differencesOf, readPosted, type Movement, type Posted } from './posted.ts'

/** Payments by how they stand. */
export interface Compared {
  readonly payments: number
  readonly pending: number
  readonly completed: number
  readonly failed: number
}

/**
 * The reversal looks once a minute and leaves no payment for longer than its leash of a quarter of
 * an hour; what it cannot decide is worth a look after that.
 */
const STALE_AFTER_MS = 1_200_000

interface PaymentOfPage extends Movement {
  readonly id: string
  readonly status: string
  /** PENDING for too long, by the clock of its database. */
  readonly isStale: boolean
  /** Whether the rows of its refunds add up to more than its own. */
  readonly isOverRefunded: boolean
}

/**
 * Holds every payment against the ledger. The payments of a page are read first: the ledger decides
 * before a payment ends, so what a row says that has ended must be there by then.
 */
export async function comparePayments(
  books: Books,
  options: AuditOptions,
  add: AddFault,
): Promise<Compared> {
  const { staleAfterMs = STALE_AFTER_MS, onProgress = () => undefined } = options
  const wallet = books.book('wallet')
  const counts = { payments: 0, pending: 0, completed: 0, failed: 0 }
  const read = paymentsAfter(books.book('transaction'), staleAfterMs)
  for await (const page of pagesOf<PaymentOfPage>(read, options)) {
    const ids = page.map(({ id }) => id)
    const postings = await readPosted(wallet, ids)
    const held = await openHolds(wallet, ids)
    for (const payment of page) {
      const { id, status } = payment
      counts.payments += 1
      counts[status.toLowerCase() as 'pending' | 'completed' | 'failed'] += 1
      judge(payment, postings.get(id), add)
      if (status !== 'PENDING' && held.has(id)) add('held_though_settled', id)
    }
    onProgress(`comparing payments with the ledger: ${counts.payments}`)
  }
  return counts
}

function judge(payment: PaymentOfPage, posted: Posted | undefined, add: AddFault): void {
  const { id, status, isStale, isOverRefunded } = payment
  if (isStale) add('stale', id)
  if (status === 'COMPLETED' && !posted) add('completed_without_posting', id)
  if (status === 'FAILED' && posted) add('failed_with_posting', id)
  if (posted && posted.times > 1) add('posted_twice', id)
  // Of one that was posted in parts it is told that it was; no part is all of it.
  const differences = posted?.times === 1 ? differencesOf(payment, posted) : []
  if (differences.length > 0) add('posted_otherwise', `${id}: ${differences.join('; ')}`)
  if (isOverRefunded || posted?.isOverReversed) add('refunded_twice', id)
}

const paymentsAfter =
  (db: Kysely<any>, staleAfterMs: number): ReadPage<PaymentOfPage> =>
  async (after, rowsMax) => {
    const { rows } = await sql<PaymentOfPage>`
      select id, status, kind, amount_minor::text as "amountMinor", currency,
        from_user_id as "fromUserId", to_user_id as "toUserId", refund_of as "refundOf",
        status = 'PENDING' and coalesce(dispatched_at, created_at)
          < now() - ${`${staleAfterMs} milliseconds`}::interval as "isStale",
        coalesce(amount_minor < (select sum(refund.amount_minor) from payments as refund
          where refund.refund_of = payments.id and refund.status = 'COMPLETED'), false)
          as "isOverRefunded"
      from payments where id > ${after} order by id limit ${rowsMax}`.execute(db)
    return rows
  }

/** Which of these ids still hold money. */
async function openHolds(db: Kysely<any>, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from ledger.hold where id = any(${ids}::uuid[]) and state = 'open'`.execute(db)
  return new Set(rows.map(({ id }) => id))
}
