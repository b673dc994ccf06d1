import { EventEmitter } from 'node:events'
import type { BrokerState } from './broker-state.ts'
import { illegalOperation } from './errors.ts'
import { ModelChannel } from './model-channel.ts'
import { Wire } from './wire.ts'

/** What a connection asks of the broker it is connected to. */
export interface ConnectionHome {
  readonly state: BrokerState
  /** Why the broker takes no messages, while it doesn't. */
  readonly alarm: () => string | undefined
  readonly nextConsumerTag: () => string
  readonly closed: (connection: ModelConnection) => void
}

/** A connection, with the methods and events of amqplib's `ChannelModel`. */
export class ModelConnection extends EventEmitter {
  readonly state: BrokerState
  /** Client to broker. */
  readonly up: Wire = new Wire()
  /** Broker to client. */
  readonly down: Wire = new Wire()
  /** What amqplib shows of the wire. */
  readonly connection: {
    readonly serverProperties: Readonly<Record<string, unknown>>
    readonly stream: { readonly destroy: () => void }
  }
  readonly #home: ConnectionHome
  readonly #channels = new Set<ModelChannel>()
  #blocked = false
  #ended: string | undefined

  constructor(home: ConnectionHome) {
    super()
    this.#home = home
    this.state = home.state
    this.connection = {
      serverProperties: {
        product: 'memoryBroker of @payflow/queue',
        version: '3.10.8',
        capabilities: { 'connection.blocked': true, consumer_cancel_notify: true },
      },
      stream: { destroy: () => this.drop(new Error('Unexpected close')) },
    }
  }

  createChannel(): Promise<ModelChannel> {
    return this.#open(false)
  }

  createConfirmChannel(): Promise<ModelChannel> {
    return this.#open(true)
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) throw illegalOperation(this.#ended)
    this.#ended = 'Connection closing'
    const { promise, resolve } = Promise.withResolvers<void>()
    this.up.send(() => {
      this.#endAtBroker()
      this.down.send(() => {
        resolve()
        this.#toClosed(undefined)
      })
    })
    await promise
  }

  /** Credentials are not checked, so new ones change nothing. */
  updateSecret(_newSecret: Buffer, _reason: string): Promise<void> {
    return new Promise((resolve) => {
      this.up.send(() => this.down.send(() => resolve()))
    })
  }

  nextConsumerTag(): string {
    return this.#home.nextConsumerTag()
  }

  /** A message comes in. During an alarm it isn't read, nor is anything after it. */
  blocks(arrive: () => void): boolean {
    const reason = this.#home.alarm()
    if (reason === undefined) return false
    this.#blocked = true
    this.up.hold(arrive)
    this.down.send(() => this.emit('blocked', reason))
    return true
  }

  /** The alarm is over. */
  unblock(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.up.resume()
    this.down.send(() => this.emit('unblocked'))
  }

  /** The network is cut: what was in transit is lost, the broker notices at once. */
  drop(error: Error): void {
    if (this.#ended === 'Connection closed') return
    this.#ended = 'Connection closed'
    this.up.cut()
    this.down.cut()
    this.#endAtBroker()
    setImmediate(() => {
      this.emit('error', error)
      this.#toClosed(error)
    })
  }

  /** An error on a channel that nobody listens for. */
  fail(error: Error): void {
    this.drop(error)
  }

  forget(channel: ModelChannel): void {
    this.#channels.delete(channel)
  }

  #open(confirms: boolean): Promise<ModelChannel> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw illegalOperation(this.#ended)
      const channel = new ModelChannel(this, confirms)
      this.#channels.add(channel)
      this.once('close', () => reject(new Error('Channel ended, no reply will be forthcoming')))
      this.up.send(() => this.down.send(() => resolve(channel)))
    })
  }

  #endAtBroker(): void {
    for (const channel of this.#channels) channel.endAtBroker()
    this.#home.closed(this)
  }

  #toClosed(error: Error | undefined): void {
    this.#ended = 'Connection closed'
    for (const channel of this.#channels) channel.toClosed('channel closed')
    this.emit('close', error)
  }
}
