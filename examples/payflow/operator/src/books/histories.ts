import { PAYMENT_HISTORIES } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { AddFault, AuditOptions } from './audit-books.ts'
import type { Books } from './index.ts'
import { pagesOf, type ReadPage } from './pages.ts'

interface HistoryOfPage {
  readonly id: string
  readonly isImpossible: boolean
}

/** Finds payments whose events are no possible life of a payment, or not the one of their row. */
export async function judgeHistories(
  books: Books,
  options: AuditOptions,
  add: AddFault,
): Promise<void> {
  const { onProgress = () => undefined } = options
  let seen = 0
  const read = historiesAfter(books.book('transaction'))
  for await (const page of pagesOf<HistoryOfPage>(read, options)) {
    for (const { id, isImpossible } of page) if (isImpossible) add('impossible_history', id)
    onProgress(`reading the histories of payments: ${(seen += page.length)}`)
  }
}

/**
 * Row and events in one statement, for they change together. A page has what either knows: events
 * may be of no payment.
 */
const historiesAfter =
  (db: Kysely<any>): ReadPage<HistoryOfPage> =>
  async (after, rowsMax) => {
    const { rows } = await sql<HistoryOfPage>`
      with page as (
        (select id from payments where id > ${after} order by id limit ${rowsMax})
        union
        (select distinct payment_id from payment_events
          where payment_id > ${after} order by payment_id limit ${rowsMax})
        order by id limit ${rowsMax}
      )
      select page.id,
        types !~ (${JSON.stringify(PAYMENT_HISTORIES)}::jsonb ->> status) is distinct from false
          or types ~ 'dispatched' <> (dispatched_at is not null)
          or types ~ 'reversed' <> (status = 'FAILED' and resolved_by = 'reversal')
          as "isImpossible"
      from page left join payments on payments.id = page.id
      cross join lateral (
        select string_agg(type, ' ' order by id) as types
        from payment_events where payment_id = page.id
      ) as history
      order by page.id`.execute(db)
    return rows
  }
