import type { PaymentStatus } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { PaymentRow, TransactionDatabase } from '../database.ts'
import { paymentColumns } from './payment-columns.ts'

/** A place in the list: the last payment of the page before. */
export interface PaymentPlace {
  /** With microseconds, as PostgreSQL keeps it. A JavaScript Date would cut them and skip rows. */
  readonly createdAt: string
  readonly id: string
}

/** Which payments are listed. */
export interface PaymentQuery {
  readonly userId: string
  readonly status: PaymentStatus | undefined
  readonly after: PaymentPlace | undefined
  readonly limit: number
}

/** A payment with its place in the list. */
export type ListedPayment = PaymentRow & { readonly place: string }

/**
 * The payments a user has sent or received, newest first. Each branch reads `limit` rows from its
 * own index, so the cost is that of a page however long the history is; an OR would read it all.
 * A payment is in one branch only, for nobody pays themselves.
 */
export async function listPayments(
  db: Kysely<TransactionDatabase>,
  query: PaymentQuery,
): Promise<ListedPayment[]> {
  const { userId, status = null, after, limit } = query
  const page = (userColumn: 'from_user_id' | 'to_user_id') => sql`
    (select * from public.payments
    where ${sql.ref(userColumn)} = ${userId}
      and (${status}::text is null or status = ${status})
      ${after ? sql`and (created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)` : sql``}
    order by created_at desc, id desc limit ${limit})`
  const found = await sql<ListedPayment>`
    select ${paymentColumns('mine')},
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as place
    from (${page('from_user_id')} union all ${page('to_user_id')}) as mine
    order by mine.created_at desc, id desc limit ${limit}`.execute(db)
  return found.rows
}
