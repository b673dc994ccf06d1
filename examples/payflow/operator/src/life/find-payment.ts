import { sql, type Kysely } from 'kysely'

/** A payment that a search has found, or a request for one. */
export interface FoundPayment {
  readonly paymentId: string
  /** By what it was found. */
  readonly by: 'payment id' | 'idempotency key' | 'message id'
}

/** So many are found at most: a key is its user's own, and other users may have the same. */
const FOUND_MAX = 20

/**
 * How far the clock of the service that made a message's id, which begins with a time, may be from
 * that of the database.
 */
const CLOCKS_DIFFER_MAX_MS = 300_000

/**
 * Finds payments by their id, their Idempotency-Key (which is its user's own: two users may have the
 * same), or the id of a message about them. A message that is no longer in the outbox is known only
 * when it is the one that had the payment executed.
 *
 * However many payments there are, no table is walked through. An index on `payments.message_id`
 * would be paid for by each payment, three times: instead, of the payments that were made at about
 * the time that the message's id says, the one is looked for that names it.
 */
export async function findPayments(db: Kysely<any>, text: string): Promise<FoundPayment[]> {
  const { rows: messages } = await sql<{ key: string }>`
    select key from queue.outbox where id = ${text}`.execute(db)
  const found: FoundPayment[] = messages
    .filter(({ key }) => isUuid(key))
    .map(({ key }) => ({ paymentId: key.toLowerCase(), by: 'message id' }))
  found.push(...(await findByKey(db, text)))
  if (isUuid(text)) {
    found.push(...(await findById(db, text)), ...(await findByMessageId(db, text)))
  }
  return found
}

async function findByKey(db: Kysely<any>, key: string): Promise<readonly FoundPayment[]> {
  const { rows } = await sql<FoundPayment>`
    select payment_id as "paymentId", 'idempotency key' as by from payment_claims
    where key = ${key} limit ${FOUND_MAX}`.execute(db)
  return rows
}

async function findById(db: Kysely<any>, id: string): Promise<readonly FoundPayment[]> {
  const { rows } = await sql<FoundPayment>`
    select payment_id as "paymentId", 'payment id' as by from payment_claims
    where payment_id = ${id}::uuid
    union
    select id, 'payment id' from payments where id = ${id}::uuid`.execute(db)
  return rows
}

async function findByMessageId(db: Kysely<any>, id: string): Promise<readonly FoundPayment[]> {
  const mintedAtMs = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
  const [from, to] = [mintedAtMs - CLOCKS_DIFFER_MAX_MS, mintedAtMs + CLOCKS_DIFFER_MAX_MS]
  const { rows } = await sql<FoundPayment>`
    select id as "paymentId", 'message id' as by from payments
    where message_id = ${id}::uuid and created_at >= to_timestamp(${from}::float8 / 1000)
      and created_at < to_timestamp(${to}::float8 / 1000)`.execute(db)
  return rows
}

function isUuid(text: string): boolean {
  return /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(text)
}
