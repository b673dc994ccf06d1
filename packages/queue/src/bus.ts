import type { Kysely } from 'kysely'
import { BusTopology, queueOfBinding } from './broker/bus-topology.ts'
import { BrokerConnection, CONNECT_MS, DRAIN_MS } from './broker/connection.ts'
import type { LiveConnection } from './broker/connection.ts'
import { Publisher } from './broker/publisher.ts'
import { closeChannel, openChannel } from './broker/topology.ts'
import { ConsumerBuilder } from './consumer/consumer-builder.ts'
import { RunningConsumer } from './consumer/consumer.ts'
import { encodeTraced } from './envelope.ts'
import type { EncodeContext, Outgoing } from './envelope.ts'
import { BrokerUnavailableError } from './errors.ts'
import { LoopWatch } from './loop-watch.ts'
import type { MessageDefinition, MessageInput } from './message.ts'
import type { BusOptions, ConsumerOptions } from './options.ts'
import { Operator, resolveUpkeep } from './operator/operator.ts'
import type {
  ParkedMessages,
  ParkedRows,
  Reconciliation,
  SweepOptions,
  SweepResult,
} from './operator/types.ts'
import { DirectOutbox } from './outbox/direct-outbox.ts'
import { OutboxRelay } from './outbox/relay.ts'
import type {
  Outbox,
  OutboxExecutor,
  Published,
  PublishOptions,
  RelayOptions,
} from './outbox/types.ts'
import { checkTables } from './postgres/check-tables.ts'
import { outboxDepth } from './postgres/outbox-depth.ts'
import { queryThrough } from './postgres/query.ts'
import type { Query } from './postgres/query.ts'
import { createReporter, errorText } from './reporter.ts'
import type { Reporter } from './reporter.ts'
import {
  invalidOption,
  requireQueueName,
  resolveConsumerOptions,
  resolveRelayOptions,
  within,
} from './resolve-options.ts'
import type { ResolvedConsumerOptions } from './resolve-options.ts'
import { quoteSchema } from './schema-name.ts'
import { untraced } from './telemetry.ts'
import type {
  Bus,
  BusHealth,
  ConnectionHealth,
  DrainResult,
  OutboxDepth,
  QueueDepth,
  Topology,
} from './types.ts'

/**
 * A bus: RabbitMQ for transport, PostgreSQL for the truth.
 *
 * Opens two connections to the broker when they are first needed, one to publish and one to consume,
 * because a broker short of memory stops reading from connections that publish, and with them the
 * acknowledgements they carry. Both are kept up in the background: nothing here throws because the
 * broker is away.
 *
 * @throws {@link QueueError} with code `QUEUE_INVALID_OPTIONS`.
 */
export function createBus<DB>(options: BusOptions<DB>): Bus<DB> {
  return new RabbitBus(options)
}

class RabbitBus<DB> implements Bus<DB> {
  readonly topology: Topology = {
    apply: (options) => this.#needed.apply(options?.timeoutMs),
    plan: (options) => this.#operator.plan(this.#needed.wanted, options?.timeoutMs ?? 30_000),
  }
  readonly #db: Kysely<DB>
  readonly #query: Query
  readonly #schema: string
  readonly #encode: EncodeContext
  readonly #reporter: Reporter
  readonly #needed: BusTopology
  readonly #publish: BrokerConnection
  readonly #consume: BrokerConnection
  readonly #publisher: Publisher
  readonly #consumers: ConsumerBuilder<DB>[] = []
  readonly #relays: OutboxRelay[] = []
  readonly #operator: Operator
  readonly #loop: LoopWatch
  readonly #unobserve: () => void
  #draining: Promise<DrainResult> | undefined

  constructor(options: BusOptions<DB>) {
    const { broker, source } = options
    if (source.length === 0 || source.length > 200)
      throw invalidOption('source', '1–200 characters')
    if (options.db.isTransaction) throw invalidOption('db', 'a Kysely, not a transaction')
    const heartbeatS = within('broker.heartbeatS', broker.heartbeatS ?? 10, 1, 60)
    within('broker.connectTimeoutMs', broker.connectTimeoutMs ?? 5_000, 100, 60_000)
    this.#db = options.db
    this.#query = queryThrough(options.db)
    this.#schema = quoteSchema(options.schema)
    this.#reporter = createReporter(options)
    this.#loop = new LoopWatch(this.#reporter, heartbeatS)
    const exchange = options.topology?.exchange ?? 'messages'
    requireQueueName('topology.exchange', exchange)
    const telemetry = options.telemetry ?? untraced
    this.#encode = {
      exchange,
      telemetry,
      source,
      maxMessageBytes: within(
        'maxMessageBytes',
        options.maxMessageBytes ?? 1_048_576,
        1,
        134_217_728,
      ),
    }
    const bindings = (options.topology?.bindings ?? []).map(queueOfBinding)
    const connection = { broker, source, reporter: this.#reporter }
    this.#publish = new BrokerConnection({ ...connection, purpose: 'publish' })
    this.#consume = new BrokerConnection({ ...connection, purpose: 'consume' })
    const consumers = (): ResolvedConsumerOptions[] => this.#consumers.map((one) => one.options)
    const [publish, consume] = [this.#publish, this.#consume]
    const reporter = this.#reporter
    this.#needed = new BusTopology({ exchange, bindings, publish, consume, reporter, consumers })
    this.#publisher = new Publisher({
      connection: this.#publish,
      source,
      reporter: this.#reporter,
      confirmTimeoutMs: within(
        'confirmTimeoutMs',
        options.confirmTimeoutMs ?? 10_000,
        100,
        300_000,
      ),
      // What can't be declared is reported; publishing goes on, and says so if a queue is missing.
      prepare: (live) => this.#needed.declareBindings(live),
    })
    this.#operator = new Operator({
      db: this.#db,
      query: this.#query,
      schema: this.#schema,
      consume: this.#consume,
      publisher: this.#publisher,
      reporter: this.#reporter,
      ...resolveUpkeep(options),
      deliveryLimitLifted: options.topology?.deliveryLimit === 'none',
      bindings,
      consumers,
      health: () => this.#consumers.map((consumer) => consumer.health()),
      wake: () => this.wake(),
    })
    this.#unobserve = telemetry.observe(this)
  }

  consumer(options: ConsumerOptions): ConsumerBuilder<DB> {
    const resolved = resolveConsumerOptions(options)
    if (this.#consumers.some((other) => other.options.name === resolved.name)) {
      throw invalidOption('name', `unique; this bus has a consumer "${resolved.name}" already`)
    }
    this.#operator.accept(resolved)
    const consumer = new ConsumerBuilder<DB>(resolved, (routes) => this.#run(resolved, routes))
    this.#consumers.push(consumer)
    return consumer
  }

  outbox(trx: OutboxExecutor): Outbox {
    return new DirectOutbox(trx, this.#schema, this.#encode)
  }

  relay(options: RelayOptions = {}): OutboxRelay {
    const relay = new OutboxRelay({
      db: this.#db,
      query: this.#query,
      schema: this.#schema,
      publisher: this.#publisher,
      reporter: this.#reporter,
      telemetry: this.#encode.telemetry,
      options: resolveRelayOptions(options),
    })
    this.#relays.push(relay)
    this.#loop.start()
    this.#operator.started()
    return relay
  }

  async publish<M extends MessageDefinition>(
    message: M,
    data: MessageInput<M>,
    options: PublishOptions = {},
  ): Promise<Published> {
    const send = async (outgoing: Outgoing): Promise<Published> => {
      await this.#publisher.publish(outgoing)
      return { id: outgoing.messageId }
    }
    return await encodeTraced('publishing', message, data, options, this.#encode, send)
  }

  parked(queue: string): ParkedMessages {
    return this.#operator.parked(queue)
  }

  outboxParked(): ParkedRows {
    return this.#operator.outboxParked()
  }

  async reconcile(): Promise<Reconciliation> {
    return await this.#operator.reconcile()
  }

  async sweep(options?: SweepOptions): Promise<SweepResult> {
    return await this.#operator.sweep(options)
  }

  wake(): void {
    for (const relay of this.#relays) relay.wake()
  }

  async queueDepth(queue: string): Promise<QueueDepth> {
    const live = await this.#publish.waitUp(AbortSignal.timeout(5_000))
    if (live === undefined) throw new BrokerUnavailableError('There is no connection to the broker')
    // A channel of its own: asking for a queue that is missing closes the channel.
    const channel = await openChannel(live.model)
    try {
      const { messageCount, consumerCount } = await channel.checkQueue(queue)
      return { queue, ready: messageCount, consumers: consumerCount }
    } catch (error) {
      throw new BrokerUnavailableError(`Queue "${queue}": ${errorText(error)}`, error)
    } finally {
      await closeChannel(channel)
    }
  }

  async outboxDepth(): Promise<OutboxDepth> {
    return await outboxDepth(this.#query, this.#schema)
  }

  health(): BusHealth {
    const publish = this.#publishHealth()
    const consume = this.#consume.health()
    const consumers = this.#consumers.map((consumer) => consumer.health())
    const live = this.#draining === undefined
    const up = (state: string): boolean => state === 'up' || state === 'idle'
    return {
      live,
      ready:
        live &&
        up(publish.state) &&
        up(consume.state) &&
        consumers.every(({ state }) => state === 'running' || state === 'idle'),
      publish,
      consume,
      consumers,
      relays: this.#relays.map((relay) => relay.health()),
      loop: this.#loop.health(),
    }
  }

  async rotate(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    const drainMs = within('drainMs', options.drainMs ?? DRAIN_MS, 0, 600_000)
    await Promise.all(
      [this.#publish, this.#consume].map((connection) => connection.rotate(drainMs, CONNECT_MS)),
    )
  }

  drain(options: { readonly deadlineMs?: number | undefined } = {}): Promise<DrainResult> {
    const deadlineMs = within('deadlineMs', options.deadlineMs ?? 20_000, 0, 600_000)
    this.#draining ??= this.#drain(deadlineMs)
    return this.#draining
  }

  #publishHealth(): ConnectionHealth {
    const health = this.#publish.health()
    if (health.state !== 'up') return health
    if (this.#publisher.stalled) return { ...health, state: 'stalled' }
    // Its queues are being declared, which takes long where a queue has no leader.
    return this.#publisher.ready ? health : { ...health, state: 'connecting' }
  }

  async #drain(deadlineMs: number): Promise<DrainResult> {
    const results = await Promise.all(this.#consumers.map((consumer) => consumer.drain(deadlineMs)))
    await this.#operator.stop()
    // After the consumers, which wake them. What is left in the outbox is for the next process.
    await Promise.all(this.#relays.map((relay) => relay.stop()))
    await this.#publisher.close()
    await Promise.all([this.#publish.close(), this.#consume.close()])
    this.#unobserve()
    this.#loop.stop()
    return results.reduce(
      (sum, result) => ({
        finished: sum.finished + result.finished,
        released: sum.released + result.released,
        abandoned: sum.abandoned + result.abandoned,
      }),
      { finished: 0, released: 0, abandoned: 0 },
    )
  }

  #run(
    options: ResolvedConsumerOptions,
    routes: ConstructorParameters<typeof RunningConsumer<DB>>[0]['attempt']['routes'],
  ): RunningConsumer<DB> {
    const { name, queue, concurrency, prefetch, deadlineMs, parkingQueue, delaysMs } = options
    const common = { consumer: name, query: this.#query, schema: this.#schema }
    const declare = (live: LiveConnection): Promise<void> => this.#needed.declareFor(options, live)
    this.#publish.start()
    this.#loop.start()
    this.#operator.started()
    return new RunningConsumer<DB>({
      name,
      queue,
      concurrency,
      batch: options.batch,
      prefetch,
      order: options.order,
      deadlineMs,
      connection: this.#consume,
      loop: this.#loop,
      reporter: this.#reporter,
      declare,
      onPublished: () => this.wake(),
      checkDatabase: () => checkTables(this.#query, this.#schema),
      attempt: {
        ...common,
        db: this.#db,
        routes,
        maxAttempts: options.attempts,
        isolation: options.isolation,
        encode: this.#encode,
        reporter: this.#reporter,
      },
      settle: {
        ...common,
        queue,
        parkingQueue,
        delaysMs,
        maxAttempts: options.attempts,
        publisher: this.#publisher,
        reporter: this.#reporter,
        redeclare: async () => {
          if (this.#consume.live !== undefined) await declare(this.#consume.live)
        },
      },
    })
  }
}
