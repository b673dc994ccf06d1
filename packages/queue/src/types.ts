import type { BatchHandler, OneStepHandler, TwoStepHandler } from './handler.ts'
import type { MessageDefinition, MessageInput } from './message.ts'
import type { ConsumerOptions } from './options.ts'
import type {
  ParkedMessages,
  ParkedRows,
  Reconciliation,
  SweepOptions,
  SweepResult,
  TopologyPlan,
} from './operator/types.ts'
import type {
  Outbox,
  OutboxExecutor,
  Published,
  PublishOptions,
  Relay,
  RelayHealth,
  RelayOptions,
} from './outbox/types.ts'

/** What became of the deliveries of a consumer, counted since it was made. */
export interface ConsumerCounts {
  readonly delivered: number
  readonly committed: number
  readonly duplicate: number
  /** Moved to a wait queue. With `order: 'key'` what is tried again stays in hand instead. */
  readonly retried: number
  readonly parked: number
  /** Given back unhandled: drain, pause. */
  readonly released: number
  /** Their channel died before they could be settled; the broker delivers them again. */
  readonly abandoned: number
  /**
   * Delivered and not settled yet. Always
   * `delivered = committed + duplicate + retried + parked + released + abandoned + inFlight`.
   */
  readonly inFlight: number
}

/** State of a consumer. */
export type ConsumerState = 'idle' | 'connecting' | 'running' | 'paused' | 'draining' | 'stopped'

/** A key whose messages wait, because the first of them failed and is to be tried again. */
export interface BlockedLane {
  readonly key: string
  /** Failed attempts of that first message so far. */
  readonly failedAttempts: number
  /** How long ago it failed first, by this process's clock. */
  readonly blockedForMs: number
  /** Messages of the key that wait behind it in this process; more may wait in the queue. */
  readonly waiting: number
}

/** The keys a consumer with `order: 'key'` has in hand. */
export interface LanesHealth {
  /** Keys with messages in hand. */
  readonly active: number
  readonly blockedCount: number
  /** The 20 that are blocked longest. */
  readonly blocked: readonly BlockedLane[]
  /** Blocked keys hold everything that was prefetched: nothing runs until one of them goes on. */
  readonly starved: boolean
}

/** A consumer as `bus.health()` shows it. */
export interface ConsumerHealth {
  readonly name: string
  readonly queue: string
  readonly state: ConsumerState
  readonly counts: ConsumerCounts
  /** Only with `order: 'key'`. */
  readonly lanes: LanesHealth | undefined
  readonly lastError: string | undefined
}

/** Consumes one queue. Made by `bus.consumer`. There is no way to acknowledge but to commit. */
export interface Consumer<DB> {
  /** Sets what handles a message. Each message of the consumer needs exactly one handler. */
  handle<M extends MessageDefinition>(message: M, handler: OneStepHandler<M, DB>): Consumer<DB>
  handle<M extends MessageDefinition, Decision>(
    message: M,
    handler: TwoStepHandler<M, DB, Decision>,
  ): Consumer<DB>
  /**
   * Sets what handles a message many at a time; needs the option `batch`.
   *
   * @throws {@link QueueError} with code `QUEUE_INVALID_OPTIONS`.
   */
  handleBatch<M extends MessageDefinition>(message: M, handler: BatchHandler<M, DB>): Consumer<DB>
  /**
   * Starts to consume in the background and keeps at it: connects, declares, re-subscribes.
   * Resolves at once, also while the broker is away.
   */
  start(): Promise<void>
  /**
   * Takes no more messages until `resume()`, also over reconnects; only this consumer, in this process.
   * Resolves when what was at work is settled; what was delivered and not begun goes back to the
   * queue. Meanwhile its state is `paused` and the bus is not `ready`. Called again while it is paused,
   * it returns the same promise.
   *
   * @throws {@link QueueError} `QUEUE_INVALID_OPTIONS` when it was not started.
   */
  pause(): Promise<void>
  /** Goes on after {@link Consumer.pause}; does nothing else. */
  resume(): Promise<void>
  health(): ConsumerHealth
}

/** State of one connection. */
export interface ConnectionHealth {
  /**
   * `idle` until something needs it; `blocked` while the broker takes no messages; `stalled` while it
   * takes them but confirms none in time, as a node does whose cluster has lost the majority.
   */
  readonly state: 'idle' | 'connecting' | 'up' | 'blocked' | 'stalled' | 'closed'
  /** `host:port` it is connected to. */
  readonly node: string | undefined
  /** Product and version of the broker it is connected to, e.g. `RabbitMQ 3.10.8`. */
  readonly server: string | undefined
  /** Counts connections made; a number that grows without end is a flapping network. */
  readonly generation: number
  readonly lastError: string | undefined
}

/** How late the event loop of this process is, in the last minute or two; 0 before it is watched. */
export interface LoopHealth {
  /** 99 of 100 delays were shorter, in ms. */
  readonly p99Ms: number
  /** The longest, in ms. */
  readonly maxMs: number
  /** How often it was longer than half a heartbeat, since the bus was made. */
  readonly blocked: number
}

/** The bus at this moment. */
export interface BusHealth {
  /** `false` only after the bus was drained. */
  readonly live: boolean
  /** Everything that was started can do its work now. */
  readonly ready: boolean
  readonly publish: ConnectionHealth
  readonly consume: ConnectionHealth
  readonly consumers: readonly ConsumerHealth[]
  readonly relays: readonly RelayHealth[]
  /** Watched from the first consumer or relay on. */
  readonly loop: LoopHealth
}

/** How many messages wait in a queue. */
export interface QueueDepth {
  readonly queue: string
  /** Ready to be delivered; those a consumer has in hand are not counted. */
  readonly ready: number
  readonly consumers: number
}

/** What waits in the outbox. */
export interface OutboxDepth {
  readonly pending: number
  readonly parked: number
  /** Age of the oldest pending row by the database's clock, in ms; 0 when there is none. */
  readonly oldestAgeMs: number
}

/** How a drain ended. */
export interface DrainResult {
  /** Handlers that finished and were settled. */
  readonly finished: number
  /** Messages given back unhandled. */
  readonly released: number
  /** Handlers still at work at the deadline; their messages will be delivered again. */
  readonly abandoned: number
}

/** Declares exchanges and queues. */
export interface Topology {
  /**
   * Declares everything this bus needs and waits until it is there. Not required: consumers and
   * publishers declare the same things whenever they connect.
   *
   * @throws {@link QueueError} `QUEUE_TOPOLOGY_MISMATCH` when something exists with other
   * properties; nothing is ever deleted or changed. `QUEUE_ACCESS_REFUSED` when the broker's user
   * lacks a right.
   * @throws {@link BrokerUnavailableError} when there is no broker within `timeoutMs` (default 30000).
   */
  apply(options?: { readonly timeoutMs?: number | undefined }): Promise<void>
  /**
   * Compares what this bus needs with what the broker has, each thing on a channel of its own, and
   * changes nothing. (A queue that somebody deletes between the two questions asked about it is created
   * again.) Names the policies an operator should set.
   *
   * @throws {@link BrokerUnavailableError} when there is no broker within `timeoutMs` (default 30000).
   */
  plan(options?: { readonly timeoutMs?: number | undefined }): Promise<TopologyPlan>
}

/** Publishes and consumes. Made by {@link createBus}. */
export interface Bus<DB = any> {
  readonly topology: Topology
  /** @throws {@link QueueError} with code `QUEUE_INVALID_OPTIONS`. */
  consumer(options: ConsumerOptions): Consumer<DB>
  /** The outbox, written through the caller's transaction. */
  outbox(trx: OutboxExecutor): Outbox
  /** Sends what the outbox of this bus's database holds. */
  relay(options?: RelayOptions): Relay
  /**
   * Publishes without an outbox. Resolves once the broker has taken the message into a queue on disk.
   * Not atomic with any database work: use `outbox` for that.
   *
   * @throws {@link UnroutableError} | {@link NackedError} | {@link ConfirmTimeoutError} |
   * {@link ConfirmLostError} | {@link BlockedError} | {@link TooLargeError} |
   * {@link BrokerUnavailableError} | {@link InvalidMessageError}; {@link QueueError} with code
   * `QUEUE_ACCESS_REFUSED`, not retryable, when the broker's user may not write to the exchange.
   */
  publish<M extends MessageDefinition>(
    message: M,
    data: MessageInput<M>,
    options?: PublishOptions,
  ): Promise<Published>
  /**
   * Replaces both connections, asking `broker.credentials` anew. The new ones are up and in use before
   * the old ones are let go, and those are closed when what was in hand on them is settled: nothing is
   * lost, delivered twice or interrupted. Resolves when the old ones are closed.
   *
   * @param options - `drainMs`: how long handlers at work may keep an old connection open, 0–600000,
   * default 60000; their messages are then delivered again
   * @throws {@link BrokerUnavailableError} or the broker's refusal, when no new connection could be
   * made; the old ones then stay in use.
   */
  rotate(options?: { readonly drainMs?: number | undefined }): Promise<void>
  /** Wakes every relay made by this bus; the same as `relay.wake()`. Never throws. */
  wake(): void
  /** @throws {@link BrokerUnavailableError} when the broker or the queue is not there. */
  queueDepth(queue: string): Promise<QueueDepth>
  outboxDepth(): Promise<OutboxDepth>
  /** What lies in the parking queue of a work queue: list, inspect, send back. */
  parked(queue: string): ParkedMessages
  /** Rows of the outbox that relays gave up: list, give back. */
  outboxParked(): ParkedRows
  /**
   * Holds the counts of relays and consumers, of all processes that ever used these tables, against the
   * rows there are and those that were deleted, and says where they differ. Reads whole tables:
   * seconds for millions of rows.
   */
  reconcile(): Promise<Reconciliation>
  /**
   * Forgets what the inbox has kept longer than its retention, for the consumers of this bus, in
   * bounded statements. With `inboxRetentionMs`, running consumers do so once an hour by themselves.
   *
   * @throws {@link QueueError} `QUEUE_INVALID_OPTIONS` when the retention is missing or too short for a
   * consumer of this bus.
   */
  sweep(options?: SweepOptions): Promise<SweepResult>
  health(): BusHealth
  /**
   * Stops consuming, lets handlers finish until the deadline, gives the rest back, stops the relays
   * and closes both connections. The bus can't be used afterwards.
   *
   * @param options - `deadlineMs`: 0–600000, default 20000
   */
  drain(options?: { readonly deadlineMs?: number | undefined }): Promise<DrainResult>
}
