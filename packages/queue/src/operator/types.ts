import type { ConsumerCounts } from '../types.ts'

/** Which parked messages. All that is given must hold; a list means any of it. */
export interface ParkedFilter {
  readonly id?: string | readonly string[] | undefined
  /** Message type such as `payments.execute`. */
  readonly type?: string | readonly string[] | undefined
  /** Order key of the message. */
  readonly key?: string | readonly string[] | undefined
  /** Why it was parked: `schema-invalid`, `attempts-exhausted`, what `deadLetter` was given, … */
  readonly reason?: string | readonly string[] | undefined
  /** Parked at least this long ago, in ms, by the clock of PostgreSQL. */
  readonly minAgeMs?: number | undefined
  /** Parked at most this long ago, in ms. */
  readonly maxAgeMs?: number | undefined
}

/** What is known of a parked message without its body. */
export interface ParkedMessage {
  /** `undefined` when it never had one. */
  readonly id: string | undefined
  readonly type: string | undefined
  readonly key: string | undefined
  /** Why it was parked; `delivery-limit` when it was the broker who gave it up. */
  readonly reason: string
  /** What the handler threw, with its stack, at most 4 KiB. */
  readonly error: string | undefined
  readonly attempts: number | undefined
  /** The consumer that parked it. */
  readonly consumer: string | undefined
  /** The work queue it came from. */
  readonly queue: string | undefined
  /** By the clock of the process that parked it. */
  readonly parkedAt: Date | undefined
  /** By the clock of the process that published it first. */
  readonly publishedAt: Date | undefined
  readonly bodyBytes: number
  /** The redrive that sent it back last, if it was parked again. */
  readonly redriveId: string | undefined
}

/** A parked message with everything it carries. */
export interface ParkedMessageDetail extends ParkedMessage {
  readonly headers: Readonly<Record<string, unknown>>
  readonly contentType: string | undefined
  /** The bytes as they were published. */
  readonly body: Buffer
}

/** Options of {@link ParkedMessages.list}. */
export interface ListParkedOptions {
  readonly where?: ParkedFilter | undefined
  /** The most messages to return, 1–10000. @defaultValue 100 */
  readonly limit?: number | undefined
}

/** Parked messages, oldest first. */
export interface ParkedPage {
  readonly messages: readonly ParkedMessage[]
  /** Messages looked at. */
  readonly examined: number
  /** Ready in the parking queue when the look began. */
  readonly ready: number
}

/** Options of {@link ParkedMessages.redrive}. */
export interface RedriveOptions {
  readonly where?: ParkedFilter | undefined
  /** The most messages to send back, 1–100000. @defaultValue 100 */
  readonly limit?: number | undefined
  /** Messages a second, 1–1000. @defaultValue 50 */
  readonly ratePerS?: number | undefined
  /** Only counts what would be sent back; changes nothing and leaves no audit row. */
  readonly dryRun?: boolean | undefined
  /** Why, for the audit: 1–1000 characters. Needed unless `dryRun`. */
  readonly reason?: string | undefined
  /** Who, for the audit: 1–200 characters. Needed unless `dryRun`. */
  readonly actor?: string | undefined
  /**
   * Also sends back messages the inbox may have forgotten. If one of them was committed before, its
   * effects happen again.
   */
  readonly force?: boolean | undefined
  /**
   * Stops when this share of what was sent back has been parked again, 0–1, judged from the 20th
   * message on. Counted by the growth of the parking queue, so other messages parked meanwhile count too.
   *
   * @defaultValue 0.2
   */
  readonly maxParkedAgainRatio?: number | undefined
  /** Stops between two messages; the outcome is `interrupted`. */
  readonly signal?: AbortSignal | undefined
  /** Called after each message that moved. What it throws is ignored. */
  readonly onProgress?: ((progress: RedriveProgress) => void) | undefined
}

/** Where a redrive stands. */
export interface RedriveProgress {
  /** Messages looked at. */
  readonly examined: number
  /** Sent back, confirmed by the broker; with `dryRun`, what would have been. */
  readonly moved: number
  /** Left where they are, because the inbox may have forgotten them. */
  readonly refused: number
  /** By how many messages the parking queue has grown meanwhile. */
  readonly parkedAgain: number
}

/** How a redrive ended. */
export interface RedriveResult extends RedriveProgress {
  /**
   * `done`: everything that matched within the limit. `interrupted`: the signal. `parked-again`: too
   * much of it came back.
   */
  readonly outcome: 'done' | 'interrupted' | 'parked-again'
  /** Of the row in `operator_action`; `undefined` for a dry run. */
  readonly redriveId: string | undefined
  /** What moved, by why it had been parked. */
  readonly reasons: Readonly<Record<string, number>>
}

/**
 * What lies in the parking queue of a work queue. Made by `bus.parked(queue)`.
 *
 * RabbitMQ has no way to look without taking: all three take the oldest 10000 messages in hand, on a
 * channel of their own, and give them back by closing it, which a quorum queue does in their old
 * order; what lies behind those is not seen. Meanwhile, a moment for `list` and `inspect`, and up to
 * a minute at a time for `redrive`, others don't see them, and `queueDepth` doesn't count them. A
 * process killed in between gives them back as well. Two looks at once share the messages out: each
 * sees a part, and their order may suffer.
 */
export interface ParkedMessages {
  /** The work queue they come from and go back to. */
  readonly queue: string
  readonly parkingQueue: string
  /** @throws {@link BrokerUnavailableError} when the broker or the queue is not there. */
  list(options?: ListParkedOptions): Promise<ParkedPage>
  /** The oldest parked message with this id, with headers and body; `undefined` if there is none. */
  inspect(id: string): Promise<ParkedMessageDetail | undefined>
  /**
   * Sends messages back into the work queue, oldest first, under their old ids, and with their
   * attempts starting anew. Each is acknowledged in the parking queue only after the broker has
   * confirmed it in the work queue: killed at any instant, this loses nothing, and what it leaves in
   * both queues is one message to the inbox. Who, why, which and how many is written to
   * `operator_action` before the first one moves.
   *
   * It moves over to the new connection when credentials are rotated meanwhile; cut off in the middle,
   * it may count and send a message twice, which again is one message to the inbox.
   *
   * What the inbox may have forgotten is left where it is and counted as `refused`, unless `force`.
   *
   * @throws {@link QueueError} `QUEUE_INVALID_OPTIONS`; and what stopped it on the way, after that was
   * written to the audit: {@link UnroutableError} when the work queue is missing,
   * {@link BrokerUnavailableError}, or what PostgreSQL says.
   */
  redrive(options: RedriveOptions): Promise<RedriveResult>
}

/** Which rows of the outbox that were given up. All that is given must hold. */
export interface OutboxFilter {
  readonly id?: string | readonly string[] | undefined
  readonly type?: string | readonly string[] | undefined
  readonly key?: string | readonly string[] | undefined
}

/** A row the broker refused too often. */
export interface ParkedRow {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly exchange: string
  readonly routingKey: string
  readonly attempts: number
  /** What the broker said last. */
  readonly error: string | undefined
  readonly createdAt: Date
  readonly parkedAt: Date
}

/** Options of {@link ParkedRows.requeue}. */
export interface RequeueOptions {
  readonly where?: OutboxFilter | undefined
  /** The most rows, 1–100000. @defaultValue 100 */
  readonly limit?: number | undefined
  /** Only counts. */
  readonly dryRun?: boolean | undefined
  /** Why, for the audit: 1–1000 characters. Needed unless `dryRun`. */
  readonly reason?: string | undefined
  /** Who, for the audit: 1–200 characters. Needed unless `dryRun`. */
  readonly actor?: string | undefined
}

/** Rows of the outbox that relays gave up. Made by `bus.outboxParked()`. */
export interface ParkedRows {
  /** Oldest first. `limit`: 1–10000, default 100. */
  list(options?: {
    readonly where?: OutboxFilter | undefined
    readonly limit?: number | undefined
  }): Promise<readonly ParkedRow[]>
  /**
   * Gives rows back to the relays, oldest first, with no attempts counted, and writes it to
   * `operator_action` in the same transaction. Later rows of their keys may have been sent meanwhile:
   * parking a row gives up its place in the order of its key.
   */
  requeue(options: RequeueOptions): Promise<{ readonly moved: number }>
}

/** Two numbers that should agree and don't. */
export interface Difference {
  /** `outbox-lost`, `outbox-confirmed`, `consumer-unsettled`, `inbox-missing`. */
  readonly kind: 'outbox-lost' | 'outbox-confirmed' | 'consumer-unsettled' | 'inbox-missing'
  /** The consumer it is about, if any. */
  readonly consumer: string | undefined
  readonly expected: number
  readonly found: number
  /** What this means, in a sentence. */
  readonly meaning: string
}

/** The outbox since counting began. `inserted = confirmed + pending + parked + cancelled`. */
export interface OutboxAccount {
  /** Rows there are and rows that were deleted. */
  readonly inserted: number
  /** Counted by the relays as the broker confirmed. */
  readonly confirmed: number
  /** Rows marked as sent, those deleted since included. */
  readonly sent: number
  readonly pending: number
  readonly parked: number
  readonly cancelled: number
  /** Deleted before they were sent or cancelled, by whomever. */
  readonly lost: number
}

/** A consumer in all its processes since counting began. */
export interface ConsumerAccount extends ConsumerCounts {
  readonly consumer: string
  /** Rows in the inbox now. */
  readonly inboxRows: number
  /** Rows the inbox has forgotten. */
  readonly inboxRemoved: number
  /**
   * Processes that ended without a last word; up to ten seconds of their counts are missing. Those of
   * more than a month ago count as one together.
   */
  readonly silentProcesses: number
}

/** What {@link Bus.reconcile} found. */
export interface Reconciliation {
  /** There are no differences. */
  readonly balanced: boolean
  readonly differences: readonly Difference[]
  readonly outbox: OutboxAccount
  readonly consumers: readonly ConsumerAccount[]
}

/** Options of {@link Bus.sweep}. */
export interface SweepOptions {
  /** In ms, 1000–3153600000000. @defaultValue the `inboxRetentionMs` of the bus */
  readonly retentionMs?: number | undefined
  /** Stops between two statements. */
  readonly signal?: AbortSignal | undefined
}

/** What a sweep deleted. */
export interface SweepResult {
  /** Ids forgotten. */
  readonly inboxRows: number
  /** Counts of attempts of messages nobody has tried since. */
  readonly attemptRows: number
  /** Of the audit, `operator_action`, past the `auditRetentionMs` of the bus. */
  readonly actionRows: number
  /** Statements that took for inbox and attempts; each touches a bounded part of the table. */
  readonly batches: number
}

/** One thing a bus needs at the broker, and how it stands there. */
export interface PlanStep {
  readonly kind: 'exchange' | 'queue' | 'binding'
  readonly name: string
  /**
   * `ok`: is there as needed. `create`: is missing. `mismatch`: is there with other properties.
   * `refused`: the broker would not say. `bind`: AMQP can't ask for bindings; `apply` makes sure of it.
   */
  readonly state: 'ok' | 'create' | 'mismatch' | 'refused' | 'bind'
  /** The broker's words, for `mismatch` and `refused`. */
  readonly reason: string | undefined
}

/** A policy an operator should set; a bus never does. */
export interface RecommendedPolicy {
  readonly name: string
  readonly pattern: string
  readonly definition: Readonly<Record<string, string | number>>
  readonly why: string
  /** The command that sets it. */
  readonly command: string
}

/** What {@link Topology.plan} found. */
export interface TopologyPlan {
  /** Version of the broker that answered. */
  readonly brokerVersion: string
  readonly steps: readonly PlanStep[]
  /** `apply` would succeed. */
  readonly applicable: boolean
  readonly policies: readonly RecommendedPolicy[]
  readonly retry: RetryPlan
}

/** Where failed messages wait for their next attempt. */
export interface RetryPlan {
  /** Wait queues on every broker; see docs/decisions/0019. */
  readonly mechanism: 'wait-queues'
  /** The broker's quorum queues could delay a retry themselves: RabbitMQ from 4.3 on. */
  readonly brokerCanDelay: boolean
}
