import type { Transaction } from 'kysely'
import type { MessageData, MessageDefinition, ReceivedMessage } from './message.ts'
import type { HandlerOutbox } from './outbox/types.ts'

/**
 * The transaction a handler works in. It is a Kysely transaction, so it can be given to anything
 * that takes one, but it can't be ended: the consumer begins and commits it. `COMMIT`, `ROLLBACK`
 * and the like written as SQL are refused with code `QUEUE_TRANSACTION_CONTROL`, savepoints are
 * not; after the handler has settled every further query is refused.
 */
export type HandlerTransaction<DB> = Transaction<DB> & {
  readonly commit?: never
  readonly rollback?: never
}

/** What every handler may look at. */
export interface DeliveryContext {
  /**
   * Aborts when the handler's deadline passes, when the channel that delivered the message dies, or
   * when a drain runs out of time. Pass it to every call that takes one.
   */
  readonly signal: AbortSignal
  /**
   * 1 for the first try, at least 2 for what is redelivered. Counted in PostgreSQL, so that it
   * survives processes, connections and brokers. What was given back without fault does not count
   * against `retry.attempts`.
   */
  readonly attempt: number
  /** The broker says it may have delivered this message before. */
  readonly redelivered: boolean
}

/** What a handler may work with inside the transaction. */
export interface TransactionContext<DB> extends DeliveryContext {
  readonly trx: HandlerTransaction<DB>
  /** Messages to send if, and only if, this transaction commits. */
  readonly outbox: HandlerOutbox
}

/**
 * Does its work inside the transaction. Returning asks for the commit; throwing rolls everything
 * back. It must not wait for the network: a connection and row locks are held meanwhile. Nor may it
 * compute for long: no heartbeat leaves while it does, and after two of them the broker delivers the
 * message again. Give such work to a worker thread (`node:worker_threads`) and await it in `decide`.
 */
export type OneStepHandler<M extends MessageDefinition, DB> = (
  message: ReceivedMessage<MessageData<M>>,
  context: TransactionContext<DB>,
) => Promise<void>

/** Work that asks another system: no transaction is open while `decide` waits for the network. */
export interface TwoStepHandler<M extends MessageDefinition, DB, Decision> {
  /**
   * Gets the answer. Runs again on every redelivery, also after a success whose record was lost, so
   * the call it makes must be idempotent by the message's id or by an id inside it. A batch makes all
   * its decisions at the same time: as many calls as it has messages.
   */
  readonly decide: (
    message: ReceivedMessage<MessageData<M>>,
    context: DeliveryContext,
  ) => Promise<Decision>
  /** Writes the answer down. Make it a compare-and-set; it may be re-run on serialization failures. */
  readonly record: (
    message: ReceivedMessage<MessageData<M>>,
    decision: Decision,
    context: TransactionContext<DB>,
  ) => Promise<void>
}

/** What a handler of many messages may work with: one transaction and one outbox for all of them. */
export type BatchContext<DB> = Pick<TransactionContext<DB>, 'trx' | 'outbox' | 'signal'>

/**
 * Handles several messages of one definition at once, inside one transaction. Returning asks for the
 * commit of all; throwing rolls all of it back.
 *
 * What it throws says nothing about which message is to blame, so the messages are then given to it
 * again in halves, down to the one that fails by itself: that one's failure is a failed attempt, and
 * `retryAfter()` and `deadLetter()` mean what they always do. A message is in at most
 * ⌈log₂ size⌉ + 1 such runs of a batch, so only the transaction's effects are there once: what it
 * does outside may happen several times. Messages are given in the order of their keys, for one key in
 * the order of arrival, each id once, without those that were committed before. There can be a
 * single one.
 */
export type BatchHandler<M extends MessageDefinition, DB> = (
  messages: readonly ReceivedMessage<MessageData<M>>[],
  context: BatchContext<DB>,
) => Promise<void>
