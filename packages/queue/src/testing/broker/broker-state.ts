import type { StoredMessage } from './message.ts'
import { ChannelClosure, notModelled } from './errors.ts'
import { ModelQueue } from './queue.ts'
import { topicMatches } from './topic.ts'

interface Exchange {
  readonly type: string
  readonly durable: boolean
  readonly bindings: { readonly queue: string; readonly pattern: string }[]
}

/** What became of a published message. */
export type PublishResult = 'stored' | 'unroutable' | 'refused'

/** Exchanges, queues and what is bound to what; the part of a broker that outlives connections. */
export class BrokerState {
  readonly queues: Map<string, ModelQueue> = new Map()
  readonly #exchanges = new Map<string, Exchange>()
  #named = 0

  queue(name: string): ModelQueue {
    const queue = this.queues.get(name)
    if (queue === undefined) throw missing('queue', name)
    return queue
  }

  declareQueue(
    name: string,
    durable: boolean,
    args: Readonly<Record<string, unknown>>,
  ): ModelQueue {
    const existing = this.queues.get(name)
    if (existing !== undefined) {
      requireSame(`queue '${name}' in vhost '/'`, existing, { durable, args })
      return existing
    }
    this.#named += 1
    const chosen = name === '' ? `amq.gen-${this.#named}` : name
    const queue = new ModelQueue(
      chosen,
      { durable, args },
      { republish: (exchange, key, message) => this.#republish(exchange, key, message) },
    )
    this.queues.set(chosen, queue)
    return queue
  }

  deleteQueue(name: string): number {
    const queue = this.queues.get(name)
    if (queue === undefined) return 0
    this.queues.delete(name)
    for (const { bindings } of this.#exchanges.values()) {
      const left = bindings.filter((binding) => binding.queue !== name)
      bindings.splice(0, bindings.length, ...left)
    }
    const { length } = queue
    queue.purge()
    queue.stop()
    queue.cancelConsumers()
    return length
  }

  declareExchange(name: string, type: string, durable: boolean): void {
    const existing = this.#exchanges.get(name)
    if (existing === undefined) {
      if (!['direct', 'topic', 'fanout'].includes(type)) throw notModelled(`${type} exchanges`)
      this.#exchanges.set(name, { type, durable, bindings: [] })
    } else if (existing.type !== type) {
      throw inequivalent('type', `exchange '${name}' in vhost '/'`, type, existing.type)
    } else if (existing.durable !== durable) {
      throw inequivalent('durable', `exchange '${name}' in vhost '/'`, durable, existing.durable)
    }
  }

  exchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined) throw missing('exchange', name)
    return exchange
  }

  deleteExchange(name: string): void {
    this.#exchanges.delete(name)
  }

  bind(queue: string, source: string, pattern: string): void {
    this.queue(queue)
    const { bindings } = this.exchange(source)
    if (!bindings.some((known) => known.queue === queue && known.pattern === pattern)) {
      bindings.push({ queue, pattern })
    }
  }

  unbind(queue: string, source: string, pattern: string): void {
    const { bindings } = this.exchange(source)
    const at = bindings.findIndex((known) => known.queue === queue && known.pattern === pattern)
    if (at !== -1) bindings.splice(at, 1)
  }

  /** @throws {@link ChannelClosure} 404 when the exchange is missing. */
  publish(message: StoredMessage): PublishResult {
    const queues = this.#route(message.exchange, message.routingKey)
    if (queues.length === 0) return 'unroutable'
    if (!queues.every((queue) => queue.accepts())) return 'refused'
    for (const queue of queues) queue.push({ ...message })
    return 'stored'
  }

  #route(exchange: string, routingKey: string): ModelQueue[] {
    if (exchange === '') {
      const queue = this.queues.get(routingKey)
      return queue === undefined ? [] : [queue]
    }
    const { type, bindings } = this.exchange(exchange)
    const names = bindings
      .filter(({ pattern }) => {
        if (type === 'fanout') return true
        return type === 'direct' ? pattern === routingKey : topicMatches(pattern, routingKey)
      })
      .map(({ queue }) => queue)
    return [...new Set(names)].map((name) => this.queue(name))
  }

  /** A dead letter whose exchange or queue is missing is gone. */
  #republish(exchange: string, routingKey: string, message: StoredMessage): void {
    if (exchange !== '' && !this.#exchanges.has(exchange)) return
    this.publish({ ...message, exchange, routingKey })
  }
}

function missing(what: 'queue' | 'exchange', name: string): ChannelClosure {
  return new ChannelClosure(404, `no ${what} '${name}' in vhost '/'`)
}

function requireSame(
  what: string,
  existing: { readonly durable: boolean; readonly args: Readonly<Record<string, unknown>> },
  wanted: { readonly durable: boolean; readonly args: Readonly<Record<string, unknown>> },
): void {
  if (existing.durable !== wanted.durable) {
    throw inequivalent('durable', what, wanted.durable, existing.durable)
  }
  const names = new Set([...Object.keys(existing.args), ...Object.keys(wanted.args)])
  for (const name of [...names].toSorted()) {
    const [had, wants] = [existing.args[name], wanted.args[name]]
    if (had !== wants) throw inequivalent(name, what, wants, had)
  }
}

function inequivalent(
  arg: string,
  what: string,
  received: unknown,
  current: unknown,
): ChannelClosure {
  const both = received !== undefined && current !== undefined
  const say = both ? (value: unknown): string => `'${plain(value)}'` : typed
  const words = `received ${say(received)} but current is ${say(current)}`
  return new ChannelClosure(406, `inequivalent arg '${arg}' for ${what}: ${words}`)
}

/** As amqplib writes it: a number takes as many bytes as it needs. */
function typed(value: unknown): string {
  if (value === undefined) return 'none'
  return `the value '${plain(value)}' of type '${typeOf(value)}'`
}

/** Arguments are texts, numbers and booleans. */
function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function typeOf(value: unknown): string {
  if (typeof value === 'boolean') return 'bool'
  if (typeof value !== 'number') return 'longstr'
  if (value >= -0x80 && value < 0x80) return 'byte'
  if (value >= -0x8000 && value < 0x8000) return 'short'
  return value >= -0x8000_0000 && value < 0x8000_0000 ? 'signedint' : 'long'
}
