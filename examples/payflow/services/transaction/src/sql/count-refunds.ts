import { REFUND_ATTEMPTS_MAX, REFUNDS_MAX } from '@payflow-app/contracts'
import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** How many refunds of a payment there are; both are counted up to their limits only. */
export interface RefundCount {
  /** Pending or completed; at most `REFUNDS_MAX`. */
  readonly alive: number
  /** However they ended; at most `REFUND_ATTEMPTS_MAX`. */
  readonly all: number
}

/** Counts the refunds of a payment. Takes no locks: others may be accepted meanwhile. */
export async function countRefunds(
  db: Kysely<TransactionDatabase>,
  paymentId: string,
): Promise<RefundCount> {
  const counted = await refundsQuery(paymentId).execute(db)
  const [count] = counted.rows
  if (count === undefined) throw new Error('an aggregate always has a row')
  return count
}

/**
 * The statement of {@link countRefunds}: a range of an index each, cut at the limit. The order is
 * that of the index: without it, PostgreSQL may read the table until it has found enough.
 */
export function refundsQuery(paymentId: string): RawBuilder<RefundCount> {
  return sql<RefundCount>`
    select (
      select count(*)::int from (
        select from public.payments
        where refund_of = ${paymentId} and status <> 'FAILED' limit ${REFUNDS_MAX}
      ) as alive
    ) as alive, (
      select count(*)::int from (
        select from public.payments
        where refund_of = ${paymentId}
        order by created_at desc, id desc limit ${REFUND_ATTEMPTS_MAX}
      ) as every_one
    ) as "all"`
}
