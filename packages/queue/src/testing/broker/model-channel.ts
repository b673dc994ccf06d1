import { EventEmitter } from 'node:events'
import type { ConsumeMessage, GetMessage, Message, Options } from 'amqplib'
import { BrokerChannel } from './broker-channel.ts'
import type { Fate } from './broker-channel.ts'
import { ChannelClosure, illegalOperation, notModelled } from './errors.ts'
import { propertiesOf } from './message.ts'
import type { StoredMessage } from './message.ts'
import type { ModelConnection } from './model-connection.ts'
import { RpcQueue } from './rpc-queue.ts'

type Confirm = (error: Error | null) => void
/** A published message the broker has not confirmed. */
interface Pending {
  readonly confirms: Confirm[]
}

type OnMessage = (message: ConsumeMessage | null) => void

/** The client's end of a channel, with the methods and errors of amqplib's. */
export class ModelChannel extends EventEmitter {
  readonly connection: ModelConnection['connection']
  readonly #connection: ModelConnection
  readonly #broker: BrokerChannel
  readonly #rpcs = new RpcQueue()
  readonly #onMessage = new Map<string, OnMessage>()
  readonly #unconfirmed = new Set<Pending>()
  readonly #confirms: boolean
  /** Why calls are refused, when they are. */
  #ended: string | undefined

  constructor(connection: ModelConnection, confirms: boolean) {
    super()
    this.#connection = connection
    this.connection = connection.connection
    this.#confirms = confirms
    const { down } = connection
    this.#broker = new BrokerChannel(connection.state, {
      deliver: (consumerTag, deliveryTag, message) =>
        down.send(() => this.#deliver({ consumerTag, deliveryTag }, message)),
      cancelled: (consumerTag) =>
        down.send(() => {
          this.#onMessage.get(consumerTag)?.(null)
          this.#onMessage.delete(consumerTag)
        }),
    })
  }

  assertQueue(name = '', options: Options.AssertQueue = {}): Promise<object> {
    const { exclusive, autoDelete, durable = true } = options
    if (exclusive === true || autoDelete === true) {
      return Promise.reject(notModelled('exclusive and auto-deleted queues'))
    }
    const args = queueArguments(options)
    return this.#call('QueueDeclare', () => {
      const queue = this.#connection.state.declareQueue(name, durable, args)
      return { queue: queue.name, messageCount: queue.length, consumerCount: queue.consumers }
    })
  }

  checkQueue(name: string): Promise<object> {
    return this.#call('QueueDeclare', () => {
      const queue = this.#connection.state.queue(name)
      return { queue: name, messageCount: queue.length, consumerCount: queue.consumers }
    })
  }

  deleteQueue(name: string): Promise<object> {
    return this.#call('QueueDelete', () => ({
      messageCount: this.#connection.state.deleteQueue(name),
    }))
  }

  purgeQueue(name: string): Promise<object> {
    return this.#call('QueuePurge', () => ({
      messageCount: this.#connection.state.queue(name).purge(),
    }))
  }

  bindQueue(queue: string, source: string, pattern: string): Promise<object> {
    return this.#call('QueueBind', () => this.#connection.state.bind(queue, source, pattern))
  }

  unbindQueue(queue: string, source: string, pattern: string): Promise<object> {
    return this.#call('QueueUnbind', () => this.#connection.state.unbind(queue, source, pattern))
  }

  assertExchange(
    exchange: string,
    type: string,
    options: Options.AssertExchange = {},
  ): Promise<object> {
    return this.#call('ExchangeDeclare', () => {
      this.#connection.state.declareExchange(exchange, type, options.durable ?? true)
      return { exchange }
    })
  }

  checkExchange(exchange: string): Promise<object> {
    return this.#call('ExchangeDeclare', () => void this.#connection.state.exchange(exchange))
  }

  deleteExchange(exchange: string): Promise<object> {
    return this.#call('ExchangeDelete', () => this.#connection.state.deleteExchange(exchange))
  }

  prefetch(count: number, global = false): Promise<object> {
    if (global) return Promise.reject(notModelled('a prefetch for a whole channel'))
    return this.#call('BasicQos', () => void (this.#broker.prefetch = count))
  }

  qos(count: number, global = false): Promise<object> {
    return this.prefetch(count, global)
  }

  consume(
    queue: string,
    onMessage: OnMessage,
    options: Options.Consume = {},
  ): Promise<{ consumerTag: string }> {
    if (options.exclusive === true) return Promise.reject(notModelled('exclusive consumers'))
    const consumerTag = options.consumerTag ?? this.#connection.nextConsumerTag()
    const noAck = options.noAck === true
    return this.#call(
      'BasicConsume',
      () => {
        this.#broker.subscribe(queue, { consumerTag, noAck })
        this.#onMessage.set(consumerTag, onMessage)
        return { consumerTag }
      },
      () => this.#broker.begin(consumerTag),
    )
  }

  cancel(consumerTag: string): Promise<{ consumerTag: string }> {
    return this.#call('BasicCancel', () => {
      this.#broker.unsubscribe(consumerTag)
      return { consumerTag }
    })
  }

  get(queue: string, options: Options.Get = {}): Promise<GetMessage | false> {
    return this.#call('BasicGet', () => {
      const got = this.#broker.get(queue, options.noAck === true)
      if (got === undefined) return false
      const { tag, message, left } = got
      return received(message, { deliveryTag: tag, messageCount: left }) as GetMessage
    })
  }

  ack(message: Message, allUpTo = false): void {
    this.#settle(message.fields.deliveryTag, allUpTo, 'ack')
  }

  ackAll(): void {
    this.#settle(0, true, 'ack')
  }

  nack(message: Message, allUpTo = false, requeue = true): void {
    this.#settle(message.fields.deliveryTag, allUpTo, requeue ? 'requeue' : 'reject')
  }

  nackAll(requeue = true): void {
    this.#settle(0, true, requeue ? 'requeue' : 'reject')
  }

  reject(message: Message, requeue = true): void {
    this.nack(message, false, requeue)
  }

  recover(): Promise<object> {
    return this.#call('BasicRecover', () => this.#broker.settle(0, true, 'requeue'))
  }

  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Options.Publish = {},
    confirm?: Confirm,
  ): boolean {
    if (!Buffer.isBuffer(content)) throw new TypeError('content is not a buffer')
    const properties = propertiesOf(options)
    const copy = Buffer.from(content)
    const message = { exchange, routingKey, properties, content: copy, returns: 0 }
    const { mandatory } = options
    const pending: Pending = { confirms: confirm === undefined ? [] : [confirm] }
    const arrive = (): void => {
      if (!this.#connection.blocks(arrive)) take()
    }
    const take = this.#guarded(() => {
      const result = this.#broker.publish({ ...message, expiresAt: undefined })
      if (result === 'unroutable' && mandatory === true) this.#return(message)
      if (this.#confirms) {
        const error = result === 'refused' ? new Error('message nacked') : null
        this.#connection.down.send(() => this.#confirmed(pending, error))
      }
    })
    if (this.#ended !== undefined) throw illegalOperation(this.#ended)
    this.#connection.up.send(arrive)
    if (this.#confirms) this.#unconfirmed.add(pending)
    return true
  }

  sendToQueue(
    queue: string,
    content: Buffer,
    options?: Options.Publish,
    confirm?: Confirm,
  ): boolean {
    return this.publish('', queue, content, options, confirm)
  }

  /** Resolves when what was published so far is confirmed. */
  async waitForConfirms(): Promise<void> {
    const waiting = [...this.#unconfirmed].map(({ confirms }) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      confirms.push((error) => (error === null ? resolve() : reject(error)))
      return promise
    })
    await Promise.all(waiting)
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) throw illegalOperation(this.#ended)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#send(() => {
      this.#broker.close()
      this.#connection.down.send(() => {
        resolve()
        this.toClosed('Channel closed')
      })
    })
    this.#ended = 'Channel closing'
    await promise
  }

  /** The channel is over, at the broker too. For the connection. */
  endAtBroker(): void {
    this.#broker.close()
  }

  /** The client knows that it is over. */
  toClosed(why: string): void {
    if (this.#ended === 'Channel closed') return
    this.#rpcs.abandon()
    this.#ended = 'Channel closed'
    this.#connection.forget(this)
    const error = new Error(why === 'Channel closed' ? 'channel closed' : why)
    for (const pending of this.#unconfirmed) this.#confirmed(pending, error)
    this.#emit('close')
  }

  #call<T>(operation: string, work: () => T, afterwards?: () => void): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw illegalOperation(this.#ended)
      const send = (): void =>
        this.#send(() => {
          const answer = this.#answer(work, resolve, reject)
          this.#connection.down.send(() => {
            answer()
            this.#rpcs.next()
          })
          afterwards?.()
        }, operation)
      this.#rpcs.add({ operation, send, reject })
    })
  }

  /** What a call says when it is back; what closes the channel is thrown, what isn't modelled not. */
  #answer<T>(
    work: () => T,
    resolve: (value: T | object) => void,
    reject: (error: unknown) => void,
  ): () => void {
    try {
      const value = work() ?? {}
      return () => resolve(value)
    } catch (error) {
      if (error instanceof ChannelClosure) throw error
      return () => reject(error)
    }
  }

  #confirmed(pending: Pending, error: Error | null): void {
    if (!this.#unconfirmed.delete(pending)) return
    for (const confirm of pending.confirms) confirm(error)
  }

  #settle(tag: number, multiple: boolean, fate: Fate): void {
    this.#send(() => this.#broker.settle(tag, multiple, fate))
  }

  #send(work: () => void, operation?: string): void {
    if (this.#ended !== undefined) throw illegalOperation(this.#ended)
    this.#connection.up.send(this.#guarded(work, operation))
  }

  /** Work at the broker, which may close the channel because of it. */
  #guarded(work: () => void, operation?: string): () => void {
    return () => {
      if (!this.#broker.open) return
      try {
        work()
      } catch (error) {
        if (!(error instanceof ChannelClosure)) throw error
        this.#broker.close()
        this.#connection.down.send(() => {
          this.#rpcs.closed(error, operation)
          this.#emit('error', error.event)
          this.toClosed('Channel closed')
        })
      }
    }
  }

  #deliver(about: { consumerTag: string; deliveryTag: number }, message: StoredMessage): void {
    if (this.#ended !== undefined) return
    const onMessage = this.#onMessage.get(about.consumerTag)
    try {
      onMessage?.(received(message, about) as ConsumeMessage)
    } catch (error) {
      this.#emit('handler-error', error, 'delivery')
    }
  }

  #return({ exchange, routingKey, properties, content }: Omit<StoredMessage, 'expiresAt'>): void {
    const fields = { replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey }
    this.#connection.down.send(() => this.#emit('return', { fields, properties, content }))
  }

  /** As in amqplib, an error nobody listens for takes the connection down. */
  #emit(event: string, ...args: unknown[]): void {
    if (event === 'error' && this.listenerCount('error') === 0) {
      this.#connection.fail(args[0] as Error)
    } else {
      this.emit(event, ...args)
    }
  }
}

function received(message: StoredMessage, about: object): object {
  const { exchange, routingKey, properties, content, returns } = message
  const counted = returns > 0 && message.counted
  const headers = { ...properties.headers, ...(counted ? { 'x-delivery-count': returns } : {}) }
  return {
    fields: { ...about, redelivered: returns > 0, exchange, routingKey },
    properties: { ...properties, headers },
    content,
  }
}

/** amqplib takes some arguments under names of its own. */
function queueArguments(options: Options.AssertQueue): Record<string, unknown> {
  const named: [string, unknown][] = [
    ['x-message-ttl', options.messageTtl],
    ['x-dead-letter-exchange', options.deadLetterExchange],
    ['x-dead-letter-routing-key', options.deadLetterRoutingKey],
    ['x-max-length', options.maxLength],
    ['x-expires', options.expires],
    ['x-max-priority', options.maxPriority],
  ]
  const given = Object.fromEntries(named.filter(([, value]) => value !== undefined))
  return { ...(options.arguments as Record<string, unknown> | undefined), ...given }
}
