import type { Kysely, Transaction } from 'kysely'
import type { MessageDefinition, MessageInput } from '../message.ts'

/** What the outbox writes through: the caller's transaction. */
export type OutboxExecutor = Kysely<any> | Transaction<any>

/** How one message is published. */
export interface PublishOptions {
  /**
   * 1–255 characters. Consumers drop what carries an id they have committed, so give the same id
   * to what is the same message.
   *
   * @defaultValue a new UUIDv7
   */
  readonly id?: string | undefined
  /** Extra headers, at most 16 KiB together. Names starting with `cloudEvents:` or `payflow-` are ours. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** What was published. */
export interface Published {
  readonly id: string
}

/** Messages written in a transaction and sent after its commit. */
export interface Outbox {
  /**
   * Writes the message into the transaction. It is sent at least once if the transaction commits,
   * never if it rolls back. Messages with one key are sent in the order they were written by
   * transactions that serialise on that key (for example by locking the row the key names); other
   * order is not promised. Call `relay.wake()` after the commit to have it sent at once.
   *
   * @throws {@link InvalidMessageError} when the data does not satisfy the schema.
   * @throws {@link TooLargeError} when it is too large to ever be sent.
   * @throws {@link QueueError} `QUEUE_DUPLICATE_MESSAGE_ID` when the id is in the outbox already,
   * `QUEUE_NOT_MIGRATED` when there is no outbox.
   */
  publish<M extends MessageDefinition>(
    message: M,
    data: MessageInput<M>,
    options?: PublishOptions,
  ): Promise<Published>
  /**
   * Stops a message, as part of the transaction.
   *
   * `true`: no relay has ever been given the row, and if this transaction commits none will be: the
   * message was not sent and never will be.
   * `false`: there is no such row, or it was sent, or a relay has or had it in hand, so it may have
   * reached the broker. A row still unsent is stopped all the same, so it is not sent *again*. Also
   * in any transaction under REPEATABLE READ or SERIALIZABLE, whose snapshot can't show who has it.
   *
   * Consumers must cope with the second case: a cancelled message may arrive.
   */
  cancel(id: string): Promise<boolean>
}

/** The outbox of a handler's transaction. Rows are inserted together just before the commit. */
export interface HandlerOutbox extends Outbox {}

/** A row the broker has confirmed. */
export interface ConfirmedRow {
  readonly id: string
  readonly type: string
  readonly key: string
}

/** Options of `bus.relay`. */
export interface RelayOptions {
  /**
   * The most unconfirmed messages in flight, and rows claimed at once. Rows are claimed ahead, so up to
   * three times as many are in hand. 1–5000.
   *
   * @defaultValue 256
   */
  readonly batchSize?: number | undefined
  /**
   * The most partitions this relay leases, 1–16. Lower it to spread the work over several relays;
   * the sum over all running relays must reach 16 or some messages wait.
   *
   * @defaultValue 16 (all)
   */
  readonly partitions?: number | undefined
  /**
   * How long an idle relay waits before it looks again when nobody called `wake()`, in ms, 10–60000.
   *
   * @defaultValue 250
   */
  readonly pollMs?: number | undefined
  /**
   * How long a partition stays ours without renewal, in ms, 1000–300000. What a crashed relay held
   * waits this long for another; what a paused relay held is taken over and fenced.
   *
   * @defaultValue 5000
   */
  readonly leaseMs?: number | undefined
  /**
   * Refusals as unroutable after which a row is parked with the state `parked`, 1–1000. Being without a
   * broker never counts, nor does a queue that takes nothing (`QUEUE_NACKED`): it may be full, or
   * without the majority of its nodes.
   *
   * @defaultValue 10
   */
  readonly maxAttempts?: number | undefined
  /**
   * How long sent and cancelled rows are kept, in ms, from 0. With 0 a row is deleted as soon as it is
   * confirmed, which is what a relay does fastest; otherwise it is marked as `sent`, an UPDATE for each.
   * As long as a row is kept, its id can't be published again.
   *
   * @defaultValue 0
   */
  readonly retentionMs?: number | undefined
  /**
   * Runs in the transaction that marks the rows as sent or deletes them, before it does: lock what
   * your own code locks before it calls `cancel`, and the two cannot deadlock. It may run again for
   * the same rows when that transaction fails, so make it idempotent.
   */
  readonly onConfirmed?:
    | ((trx: Transaction<any>, rows: readonly ConfirmedRow[]) => Promise<void>)
    | undefined
}

/** What a relay has done since it was made, and whether it runs. */
export interface RelayHealth {
  readonly running: boolean
  /** Partitions held at the last look. */
  readonly leasedPartitions: number
  readonly confirmed: number
  readonly refused: number
  readonly parked: number
  readonly lastError: string | undefined
}

/**
 * Sends what the outbox holds.
 *
 * At least once: a relay killed between the confirm and the mark sends the row again, with the same
 * id. No transaction is open while the broker is waited for. While the broker is away nothing is
 * claimed, so `cancel` keeps working.
 */
export interface Relay {
  /** Starts in the background; returns at once, also while the broker is away. */
  start(): void
  /** Looks at the outbox now. Call it after a commit that published. Never throws. */
  wake(): void
  /** Finishes the batch in hand and gives its leases back. */
  stop(): Promise<void>
  health(): RelayHealth
}
