import type { TransactionListQuery } from '@payflow-app/contracts'
import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { PaymentRow, TransactionDatabase } from '../database.ts'
import { paymentColumns } from './payment-columns.ts'

/** A place in the list: the last payment of the page before. */
export interface PaymentPlace {
  /** With microseconds, as PostgreSQL keeps it. A JavaScript Date would cut them and skip rows. */
  readonly createdAt: string
  readonly id: string
}

/** Which payments are listed. */
export interface PaymentQuery extends Omit<TransactionListQuery, 'cursor'> {
  readonly userId: string
  readonly after: PaymentPlace | undefined
}

/** A payment with its place in the list. */
export type ListedPayment = PaymentRow & { readonly place: string }

/** The payments a user has sent or received, newest first. Takes no locks. */
export async function listPayments(
  db: Kysely<TransactionDatabase>,
  query: PaymentQuery,
): Promise<ListedPayment[]> {
  return (await historyQuery(query).execute(db)).rows
}

/**
 * The statement of {@link listPayments}. Each branch reads at most a page from an index of its own
 * that has the rows in this order, so the cost is that of a page however long the history is; an OR
 * would read it all. A payment is in one branch only, for nobody pays themselves. With one other
 * party there is one branch, and one index for both directions.
 *
 * Only the filters that are asked for are written: the planner sees which of the partial indexes
 * serve. By amount there is no index. What is asked by amount alone is read until a page is full.
 */
export function historyQuery(query: PaymentQuery): RawBuilder<ListedPayment> {
  const { limit } = query
  return sql<ListedPayment>`
    select ${paymentColumns('mine')},
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as place
    from (${sql.join(branchesOf(query), sql` union all `)}) as mine
    order by mine.created_at desc, id desc limit ${limit}`
}

function branchesOf(query: PaymentQuery): RawBuilder<unknown>[] {
  const { userId, direction, counterpartyId: other, limit } = query
  const own = { sent: sql`from_user_id = ${userId}`, received: sql`to_user_id = ${userId}` }
  const branch = (whose: RawBuilder<unknown>) => sql`
    (select * from public.payments where ${sql.join([whose, ...filtersOf(query)], sql` and `)}
    order by created_at desc, id desc limit ${limit})`
  if (other !== undefined) {
    const both = sql`least(from_user_id, to_user_id) = least(${userId}::uuid, ${other}::uuid)
      and greatest(from_user_id, to_user_id) = greatest(${userId}::uuid, ${other}::uuid)`
    return [branch(direction === undefined ? both : sql`${both} and ${own[direction]}`)]
  }
  if (direction !== undefined) return [branch(own[direction])]
  return [branch(own.sent), branch(own.received)]
}

function filtersOf(query: PaymentQuery): RawBuilder<unknown>[] {
  const { status, kind, from, to, amountMin, amountMax, after } = query
  return [
    status !== undefined && sql`status = ${status}`,
    kind !== undefined && sql`kind = ${kind}`,
    from !== undefined && sql`created_at >= ${from}::timestamptz`,
    to !== undefined && sql`created_at < ${to}::timestamptz`,
    amountMin !== undefined && sql`amount_minor >= ${amountMin}::bigint`,
    amountMax !== undefined && sql`amount_minor <= ${amountMax}::bigint`,
    after && sql`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`,
  ].filter((filter) => typeof filter === 'object')
}
