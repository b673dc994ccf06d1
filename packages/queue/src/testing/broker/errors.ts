const names: Readonly<Record<number, string>> = {
  200: 'OK',
  320: 'CONNECTION_FORCED',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  405: 'RESOURCE_LOCKED',
  406: 'PRECONDITION_FAILED',
}

/** What makes the broker close a channel. */
export class ChannelClosure extends Error {
  override readonly name = 'ChannelClosure'
  readonly code: number

  constructor(code: number, detail: string) {
    super(`${names[code] ?? code} - ${detail}`)
    this.code = code
  }

  /** The event `error` of the channel, in amqplib's words. */
  get event(): Error {
    return this.#error(`Channel closed by server: ${this.#reason}`)
  }

  /** The rejection of the call that caused it, in amqplib's words. */
  rejection(operation: string): Error {
    return this.#error(`Operation failed: ${operation}; ${this.#reason}`)
  }

  get #reason(): string {
    return `${this.code} (${(names[this.code] ?? '').replace('_', '-')}) with message "${this.message}"`
  }

  #error(message: string): Error {
    return Object.assign(new Error(message), { code: this.code })
  }
}

/** A call on a channel or connection that is closed. */
export function illegalOperation(what: string): Error {
  const error = new Error(what)
  error.name = 'IllegalOperationError'
  return error
}

/** What the model can't do; a test that needs it needs RabbitMQ. */
export function notModelled(what: string): Error {
  return new Error(`memoryBroker() does not model ${what}: test that with RabbitMQ`)
}
