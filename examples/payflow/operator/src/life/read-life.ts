import { sql, type Kysely, type Transaction } from 'kysely'
import { readPosted } from '../books/posted.ts'
import { WORK_QUEUES, type Stores } from '../stores.ts'
import type {
  ClaimFact,
  DeliveryFact,
  EventFact,
  HoldFact,
  MailFact,
  MessageFact,
  NotificationFact,
  ParkedFact,
  PaymentFact,
  PaymentFacts,
  RefundFact,
  TransferFact,
} from './facts.ts'

/** A parking queue that does not answer within this is told of as unknown. */
const BROKER_TIMEOUT_MS = 5_000

/**
 * Reads what every store knows of one payment, by its id. Payments go on meanwhile: what is told is
 * no single moment, and yet no payment that is well looks as if two stores contradicted each other.
 *
 * The payments are read first and the ledger last, for what the ledger has decided stays. Where
 * there was no payment yet, one may have been made, and its money moved, before the ledger was read:
 * it is looked for again after the ledger, and if it is there by now, all is read once more.
 */
export async function readLife(stores: Stores, paymentId: string): Promise<PaymentFacts> {
  const facts = await readOnce(stores, paymentId)
  if (facts.payment !== undefined) return facts
  const later = await readTransaction(stores.books.book('transaction'), paymentId)
  if (later.payment === undefined) return { ...facts, ...later }
  return await readOnce(stores, paymentId)
}

async function readOnce(stores: Stores, paymentId: string): Promise<PaymentFacts> {
  const transaction = stores.books.book('transaction')
  const notification = stores.books.book('notification')
  const ofTransaction = await readTransaction(transaction, paymentId)
  const ids = [
    ...new Set([
      ...ofTransaction.messages.map(({ id }) => id),
      ...(ofTransaction.payment ? [ofTransaction.payment.messageId] : []),
    ]),
  ]
  const deliveries = [
    ...(await readDeliveries(transaction, ids)),
    ...(await readDeliveries(notification, ids)),
  ]
  const told = await readNotification(notification, paymentId, ids)
  const parked = await readParked(stores, paymentId, ids)
  const ledger = await readLedger(stores.books.book('wallet'), paymentId)
  return { paymentId, ...ofTransaction, deliveries, ...told, parked, ...ledger }
}

type TransactionFacts = Pick<
  PaymentFacts,
  'readAt' | 'claim' | 'payment' | 'events' | 'messages' | 'refunds'
>

/** One snapshot: a payment that ends meanwhile is not PENDING here and completed there. */
async function readTransaction(db: Kysely<any>, id: string): Promise<TransactionFacts> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((trx) => readTables(trx, id))
}

async function readTables(db: Transaction<any>, id: string): Promise<TransactionFacts> {
  const claims = await sql<ClaimFact>`
    select key, user_id as "userId", created_at as "createdAt", refusal, refused_at as "refusedAt"
    from payment_claims where payment_id = ${id}`.execute(db)
  const payments = await sql<PaymentFact>`
    select kind, status, failure_code as "failureCode", from_user_id as "fromUserId",
      to_user_id as "toUserId", amount_minor as "amountMinor", currency, refund_of as "refundOf",
      message_id as "messageId", created_at as "createdAt", dispatched_at as "dispatchedAt",
      completed_at as "completedAt", resolved_by as "resolvedBy"
    from payments where id = ${id}`.execute(db)
  const events = await sql<EventFact>`
    select type, at from payment_events where payment_id = ${id} order by id`.execute(db)
  const messages = await sql<MessageFact>`
    select id, type, state, attempts, last_error as "lastError", created_at as "createdAt",
      settled_at as "settledAt"
    from queue.outbox where key = ${id} order by seq`.execute(db)
  const refunds = await sql<RefundFact>`
    select id, status, amount_minor as "amountMinor", created_at as "createdAt"
    from payments where refund_of = ${id} order by created_at`.execute(db)
  const now = await sql<{ readAt: Date }>`select now() as "readAt"`.execute(db)
  return {
    readAt: now.rows[0]?.readAt ?? new Date(),
    claim: claims.rows[0],
    payment: payments.rows[0],
    events: events.rows,
    messages: messages.rows,
    refunds: refunds.rows,
  }
}

/**
 * A message that has failed and was committed later has both rows. Its consumer is asked for by
 * name, because the keys of both tables begin with it.
 */
async function readDeliveries(db: Kysely<any>, ids: readonly string[]): Promise<DeliveryFact[]> {
  const consumers = WORK_QUEUES.map(({ consumer }) => consumer)
  const { rows } = await sql<DeliveryFact>`
    select coalesce(inbox.message_id, attempt.message_id) as "messageId",
      coalesce(inbox.consumer, attempt.consumer) as consumer,
      inbox.committed_at as "committedAt", coalesce(attempt.failed, 0) as "failedAttempts",
      attempt.last_error as "lastError",
      case when attempt.failed > 0 then attempt.updated_at end as "lastFailedAt"
    from (select * from queue.inbox
        where consumer = any(${consumers}::text[]) and message_id = any(${ids}::text[])) as inbox
    full join (select * from queue.attempt
        where consumer = any(${consumers}::text[]) and message_id = any(${ids}::text[])) as attempt
      on attempt.message_id = inbox.message_id and attempt.consumer = inbox.consumer`.execute(db)
  return rows
}

async function readNotification(db: Kysely<any>, id: string, eventIds: readonly string[]) {
  const notifications = await sql<NotificationFact>`
    select kind, user_id as "userId", created_at as "createdAt", read_at as "readAt"
    from notifications where payment_id = ${id} order by created_at, kind`.execute(db)
  const mails = await sql<MailFact>`
    select kind, user_id as "userId", state, attempts, reason, created_at as "createdAt",
      settled_at as "settledAt"
    from mail_deliveries where event_id = any(${eventIds}::text[])
      or about ->> 'paymentId' = ${id} order by created_at, kind`.execute(db)
  return { notifications: notifications.rows, mails: mails.rows }
}

async function readParked(
  stores: Stores,
  paymentId: string,
  ids: readonly string[],
): Promise<ParkedFact[] | undefined> {
  const look = WORK_QUEUES.map(async (queue): Promise<ParkedFact[]> => {
    const page = await stores.busOf(queue).parked(queue.queue).list({ limit: 10_000 })
    return page.messages.flatMap(({ id = '', key, reason, attempts, error, parkedAt }) =>
      ids.includes(id) || key === paymentId
        ? [{ queue: queue.queue, messageId: id, reason, attempts, error, parkedAt }]
        : [],
    )
  })
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), BROKER_TIMEOUT_MS)
  try {
    return await Promise.race([Promise.all(look).then((pages) => pages.flat()), late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

async function readLedger(db: Kysely<any>, id: string) {
  const holds = await sql<HoldFact>`
    select state, state = 'open' and (expires_at is null or expires_at > now()) as "isHeld",
      tombstone, amount_minor as "amountMinor", created_at as "createdAt",
      settled_at as "settledAt", expires_at as "expiresAt"
    from ledger.hold where id = ${id}`.execute(db)
  const transfers = await sql<TransferFact>`
    select id, kind, amount_minor as "amountMinor", currency, created_at as "createdAt"
    from ledger.transfer where hold_id = ${id} or (id = ${id} and kind <> 'tombstone')
    order by created_at`.execute(db)
  const posted = (await readPosted(db, [id])).get(id)
  return { hold: holds.rows[0], transfers: transfers.rows, posted }
}
