import type { ChannelModel } from 'amqplib'
import type { Kysely } from 'kysely'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { BusEvent } from './events.ts'
import type { MessageDefinition } from './message.ts'
import type { BusTelemetry } from './telemetry.ts'

/** A login at the broker. */
export interface BrokerCredentials {
  readonly username: string
  /** The password, or the token of an OAuth 2 broker (its username is then ignored). */
  readonly password: string
  /**
   * How long they will be good, in ms from now. When four fifths of it have passed the bus asks for new
   * ones and does what `bus.rotate()` does.
   *
   * @defaultValue until the connection is lost or `bus.rotate()` is called
   */
  readonly validForMs?: number | undefined
}

/** Where RabbitMQ is. */
export interface BrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps://`. */
  readonly url?: string | undefined
  /**
   * Several nodes of one cluster; used instead of `url`. After a loss, a failure to connect, and when
   * a node confirms nothing any more, the next one is tried.
   */
  readonly urls?: readonly string[] | undefined
  /**
   * Which of `urls` is tried first: any of them, so that processes spread over the nodes, or the first.
   *
   * @defaultValue 'random'
   */
  readonly order?: 'random' | 'given' | undefined
  /**
   * Asked whenever a connection is made, in place of a login in the URL. What it throws counts as a
   * failure to connect and is tried again.
   */
  readonly credentials?: (() => BrokerCredentials | Promise<BrokerCredentials>) | undefined
  /** Options of `node:tls` for `amqps://`: `ca`, `cert`, `key`, `servername` and so on. */
  readonly tls?: TlsOptions | undefined
  /**
   * How long one try to connect may take, credentials and login included, in ms, 100–60000. A node that
   * accepts and then says nothing costs this much before the next one is tried.
   *
   * @defaultValue 5000
   */
  readonly connectTimeoutMs?: number | undefined
  /**
   * Heartbeat in seconds, 1–60. A dead peer is noticed after two to three of them.
   *
   * @defaultValue 10
   */
  readonly heartbeatS?: number | undefined
  /**
   * Opens connections in place of amqplib. For unit tests: `createBus({ broker: memoryBroker() })`
   * of `@payflow/queue/testing`.
   *
   * @defaultValue amqplib's `connect`
   */
  readonly connect?: Connect | undefined
}

/** amqplib's `connect`, or what behaves like it. */
export type Connect = (url: string, socketOptions?: object) => Promise<ChannelModel>

/** A queue that receives messages of these types from the exchange. */
export interface QueueBinding {
  readonly queue: string
  /** Message types (routing keys) that go to the queue. Topic patterns such as `payments.*` work. */
  readonly types: readonly string[]
  /**
   * The parking queue its consumer uses; the two must agree.
   *
   * @defaultValue `<queue>.parked`
   */
  readonly parkingQueue?: string | undefined
  /**
   * The `order` of its consumer; the two must agree, because it is a property of the queue.
   *
   * @defaultValue 'none'
   */
  readonly order?: 'key' | 'none' | undefined
}

/** What the bus declares at the broker, besides what its consumers need. */
export interface TopologyOptions {
  /**
   * Durable topic exchange that messages are published to.
   *
   * @defaultValue 'messages'
   */
  readonly exchange?: string | undefined
  /**
   * Queues that must exist before this bus publishes. A publisher names here the queues its messages
   * go to, so that they wait there even if no consumer ever ran.
   */
  readonly bindings?: readonly QueueBinding[] | undefined
  /**
   * Say `'none'` once policies set `delivery-limit` to -1 on the queues of this bus, as
   * `topology.plan()` recommends. `bus.parked` refuses to look into a queue of RabbitMQ 4 before,
   * because that broker drops what was looked at too often.
   */
  readonly deliveryLimit?: 'none' | undefined
}

/** The methods of a logger that are called; pino's fit. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * Called at named instants of a message's life, for tests that kill the process there. What it
 * returns is awaited. The names are the `failpoints` of `@payflow/queue/testing`.
 */
export type Probe = (name: string, detail?: unknown) => void | Promise<void>

/** Options of {@link createBus}. */
export interface BusOptions<DB> {
  readonly broker: BrokerOptions
  /** PostgreSQL, by the caller's Kysely. The bus never closes it. */
  readonly db: Kysely<DB>
  /**
   * PostgreSQL schema of the inbox and outbox tables.
   *
   * @defaultValue 'queue'
   */
  readonly schema?: string | undefined
  /** CloudEvents `source` of what this bus publishes, e.g. `transaction-service`. */
  readonly source: string
  readonly topology?: TopologyOptions | undefined
  /**
   * Largest body in bytes, 1–134217728. Never above the broker's own limit, which closes channels.
   *
   * @defaultValue 1048576 (1 MiB; RabbitMQ 4 refuses above 16 MiB)
   */
  readonly maxMessageBytes?: number | undefined
  /**
   * How long the inbox remembers committed messages, in ms, 1000–3153600000000; consumers of this bus
   * sweep every `sweepEveryMs`. A copy that comes later is handled again, so a consumer is refused for
   * which this is shorter than twice its longest run of attempts plus `redriveWindowMs`. Nothing
   * bounds how long messages wait in a queue nobody consumes: keep ids longer than that.
   *
   * @defaultValue for ever
   */
  readonly inboxRetentionMs?: number | undefined
  /**
   * How long after it was parked a message can be sent back, in ms, from 0. Only with
   * `inboxRetentionMs`.
   *
   * @defaultValue 604800000 (7 days)
   */
  readonly redriveWindowMs?: number | undefined
  /**
   * How long `operator_action` keeps who sent back what, and why, in ms, 86400000–3153600000000. A role
   * without the right to delete there keeps it for ever.
   *
   * @defaultValue 31622400000 (366 days; PCI DSS v4.0 10.5.1 asks for twelve months)
   */
  readonly auditRetentionMs?: number | undefined
  /**
   * How often a process with a running consumer or a relay deletes what is past its retention and adds
   * up the accounts of processes that are gone, in ms, 1000–86400000; the first time after about a
   * tenth of it. What fails is told by `sweep.failed` and tried again the next time.
   *
   * @defaultValue 3600000 (an hour: a sweep reads the whole inbox once)
   */
  readonly sweepEveryMs?: number | undefined
  /**
   * How long a publish waits for connection and confirm together, in ms, 100–300000.
   *
   * @defaultValue 10000
   */
  readonly confirmTimeoutMs?: number | undefined
  readonly logger?: Logger | undefined
  /** Called for everything that happens. What it throws is logged and ignored. */
  readonly onEvent?: ((event: BusEvent) => void) | undefined
  /** Makes spans and metrics; see `@payflow/queue/opentelemetry`. */
  readonly telemetry?: BusTelemetry | undefined
  /** For crash tests: `failpoint()` of `@payflow/queue/testing`. Leave it out elsewhere. */
  readonly probe?: Probe | undefined
}

/** How failed attempts are retried. */
export interface RetryOptions {
  /**
   * Attempts in all, 1–100. After the last the message is parked as `attempts-exhausted`.
   *
   * @defaultValue 8
   */
  readonly attempts?: number | undefined
  /**
   * Wait after the 1st, 2nd, … failure in ms; the last repeats. 1–10 values of 10–86400000. Each
   * distinct value is a durable wait queue at the broker, so a wait outlives every process. With
   * `order: 'key'` the message waits in hand instead.
   *
   * @defaultValue [1000, 5000, 30000, 300000]; [1000, 5000, 30000] with `order: 'key'`
   */
  readonly delaysMs?: readonly number[] | undefined
}

/** How messages are taken together into one transaction. */
export interface BatchOptions {
  /**
   * Messages in one transaction at most, 2–500. More spread the costs of a commit further, and hold
   * more locks for longer, and come back all together after a crash.
   *
   * @defaultValue 50: each message with a handler of its own is a subtransaction, and PostgreSQL
   * keeps 64 of a transaction in shared memory; with more, everybody's snapshots get slower. With
   * `handleBatch` there are no subtransactions, and 100–200 are well.
   */
  readonly size?: number | undefined
  /**
   * How long the first message of a batch waits for others, in ms, 0–1000. It is what a batch adds to
   * the latency of a quiet queue; a busy one fills its batches without waiting.
   *
   * @defaultValue 5
   */
  readonly waitMs?: number | undefined
}

/** Isolation levels of a handler's transaction. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable'

/** Options of `bus.consumer`. */
export interface ConsumerOptions {
  /** Owner of the inbox rows, stable across deployments: it and the message id decide "seen". */
  readonly name: string
  /** Durable quorum queue to consume; declared if missing, with its wait queues and parking queue. */
  readonly queue: string
  /** What the queue receives. Their types are bound to it on the exchange. */
  readonly messages: readonly MessageDefinition[]
  /**
   * Messages handled at the same time, or batches, 1–1000. Keep it below the size of the database pool.
   *
   * @defaultValue 8
   */
  readonly concurrency?: number | undefined
  /**
   * Commits many messages in one transaction; `{}` for the defaults. Every message still has its own
   * inbox row and its own settlement: what fails is tried again, parked or reported alone, and its
   * neighbours commit. What was delivered before runs in a transaction of its own.
   *
   * The handlers of a batch run one after another, in the order of their messages' keys and for one
   * key in the order of arrival: batches that lock the rows their keys name then lock them in one
   * order, and can't deadlock. They share the transaction: `now()` is the same for all, `set local`
   * and row locks last to its end. When it can't be committed for a reason that is nobody's, such as
   * a deferred constraint, it runs again in halves. A batch that outlives `deadlineMs` commits what is
   * done by then; the rest is given back uncounted and runs alone. With `order: 'key'` a batch holds
   * the next message of each key and no second one, so nothing overtakes what failed.
   *
   * @defaultValue one transaction a message
   */
  readonly batch?: BatchOptions | undefined
  /**
   * Messages the broker hands over before it waits for settlements, from the concurrency (or the size
   * of a batch) to 2000.
   *
   * @defaultValue twice the concurrency; with `order: 'key'` eight times, at least 64, because the
   * successors of a message that is tried again wait in hand; with `batch` times its size; at most 2000
   */
  readonly prefetch?: number | undefined
  readonly retry?: RetryOptions | undefined
  /**
   * Isolation of the handlers' transactions. Above `read committed` PostgreSQL may end one with a
   * serialization failure (40001); the handler is then run again at once, up to three times, before
   * that counts as a failed attempt.
   *
   * @defaultValue 'read committed'
   */
  readonly isolation?: IsolationLevel | undefined
  /**
   * Queue for what can't be handled, with the reason in its headers.
   *
   * @defaultValue `<queue>.parked`
   */
  readonly parkingQueue?: string | undefined
  /**
   * `'key'`: messages of one key (see `defineMessage`) run one after another in the order of the
   * queue, also when one of them fails: it is tried again in hand after its delay, and what follows it
   * under that key waits. Other keys go on. After its last attempt it is parked, and **its successors
   * then run without it**: make them fail too (and so be parked) where that would be wrong.
   *
   * The queue becomes one with a single active consumer, so that of several processes one works and
   * the others stand by; split the keys over several queues to use more. Give all of them the same
   * `prefetch`. That is a property of the queue: an existing one can't be changed
   * (`QUEUE_TOPOLOGY_MISMATCH`), consume another. Nothing is given back to the queue alone, for it
   * would come again behind its successors; a pause or a drain closes the channel instead.
   *
   * Refused when `retry.attempts × deadlineMs` plus the longest delay between each two of them does
   * not stay below 25 minutes: RabbitMQ takes back what is not acknowledged within its
   * `consumer_timeout`, 30 minutes by default. What waited longer behind others is taken back and
   * delivered again, in order.
   *
   * @defaultValue 'none', because order has that price: one process, and a failing message holds up
   * its key
   */
  readonly order?: 'key' | 'none' | undefined
  /**
   * How long one attempt may take, or a whole batch, in ms, 100–1500000. Must stay below the broker's
   * `consumer_timeout` (30 minutes by default).
   *
   * @defaultValue 60000
   */
  readonly deadlineMs?: number | undefined
}
