import { sql, type Kysely } from 'kysely'
import type { AddFault, AuditOptions } from './audit-books.ts'
import type { Books } from './index.ts'
import { faultsOf, STALE_AFTER_MS, type JudgedPayment } from './judge.ts'
import { pagesOf, type ReadPage } from './pages.ts'
import { readPosted } from './posted.ts'

/** Payments by how they stand. */
export interface Compared {
  readonly payments: number
  readonly pending: number
  readonly completed: number
  readonly failed: number
}

interface PaymentOfPage extends JudgedPayment {
  readonly id: string
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
      const ledger = { posted: postings.get(id), isHeld: held.has(id) }
      for (const { fault, detail } of faultsOf(payment, ledger)) {
        add(fault, detail === undefined ? id : `${id}: ${detail}`)
      }
    }
    onProgress(`comparing payments with the ledger: ${counts.payments}`)
  }
  return counts
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
