import type { BrokerOptions } from '../options.ts'
import { invalidOption } from '../resolve-options.ts'

/**
 * The nodes a bus may connect to, as a ring: the next one after each loss and after each failure.
 *
 * It is entered at random, so that the processes of a deployment spread over the nodes instead of all
 * meeting on the first, and again on the second when that dies.
 */
export class Endpoints {
  readonly #urls: readonly string[]
  #at: number

  /** @throws {@link QueueError} with code `QUEUE_INVALID_OPTIONS`. */
  constructor(broker: BrokerOptions) {
    this.#urls = [...(broker.urls ?? (broker.url === undefined ? [] : [broker.url]))]
    if (this.#urls.length === 0) throw invalidOption('broker.url', 'given, or broker.urls')
    for (const url of this.#urls) requireUsable(url, broker)
    this.#at = broker.order === 'given' ? 0 : Math.floor(Math.random() * this.#urls.length)
  }

  get size(): number {
    return this.#urls.length
  }

  /** The one to connect to now. */
  get current(): string {
    return this.#urls[this.#at % this.#urls.length] ?? ''
  }

  /** Goes on to the next. */
  advance(): void {
    this.#at += 1
  }
}

/** `host:port`, which unlike the URL may be shown. */
export function nodeOf(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port === '' ? (protocol === 'amqps:' ? 5671 : 5672) : port}`
}

function requireUsable(url: string, broker: BrokerOptions): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : ''
  // The URL may hold a password, so it is not repeated.
  if (protocol !== 'amqp:' && protocol !== 'amqps:') {
    throw invalidOption('broker.url', 'an amqp:// or amqps:// URL')
  }
  if (broker.tls !== undefined && protocol !== 'amqps:') {
    throw invalidOption('broker.tls', 'left out unless every URL begins with amqps://')
  }
}
