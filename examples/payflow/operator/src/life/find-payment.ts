import { sql, type Kysely } from 'kysely'

/** A payment that a search has found, or a request for one. */
export interface FoundPayment {
  readonly paymentId: string
  /** By what it was found. */
  readonly by: 'payment id' | 'idempotency key' | 'message id'
}

/**
 * Finds payments by their id, their Idempotency-Key (which is its user's own: two users may have the
 * same), or the id of a message about them.
 */
export async function findPayments(db: Kysely<any>, text: string): Promise<FoundPayment[]> {
  const { rows } = await sql<FoundPayment>`
    select payment_id as "paymentId", 'payment id' as by from payment_claims
      where payment_id::text = lower(${text})
    union
    select id, 'payment id' from payments where id::text = lower(${text})
    union
    select payment_id, 'idempotency key' from payment_claims where key = ${text}
    union
    select id, 'message id' from payments where message_id::text = lower(${text})
    union
    select payments.id, 'message id' from queue.outbox as message
      join payments on payments.id::text = message.key where message.id = ${text}
    limit 20`.execute(db)
  return rows
}
