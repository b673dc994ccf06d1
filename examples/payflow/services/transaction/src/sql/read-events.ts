import type { PaymentEventType } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** An event of a payment as stored. */
export interface PaymentEventRow {
  /** bigint as text. */
  readonly id: string
  readonly paymentId: string
  readonly type: PaymentEventType
  readonly at: Date
  readonly data: { readonly failureCode?: string }
}

/**
 * The events of these payments, of each those with an id above the one given for it, in the order in
 * which they happened to it. One range of one index a payment; takes no locks.
 *
 * Nothing is missed by who asks again with the last id of *each* payment: see the migration.
 */
export async function readEvents(
  db: Kysely<TransactionDatabase>,
  after: ReadonlyMap<string, bigint>,
): Promise<PaymentEventRow[]> {
  const found = await sql<PaymentEventRow>`
    select event.id, event.payment_id as "paymentId", event.type, event.at, event.data
    from unnest(${[...after.keys()]}::uuid[], ${[...after.values()].map(String)}::bigint[])
      as watched (payment_id, id)
    join public.payment_events as event
      on event.payment_id = watched.payment_id and event.id > watched.id
    order by event.id`.execute(db)
  return found.rows
}
