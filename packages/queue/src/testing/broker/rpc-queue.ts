import type { ChannelClosure } from './errors.ts'

interface Call {
  readonly operation: string
  readonly send: () => void
  readonly reject: (error: Error) => void
}

/** One call of a channel waits for its answer at a time, the others wait their turn, as in amqplib. */
export class RpcQueue {
  #current: Call | undefined
  #waiting: Call[] = []

  add(call: Call): void {
    if (this.#current !== undefined) {
      this.#waiting.push(call)
      return
    }
    this.#current = call
    call.send()
  }

  /** The current call has its answer. */
  next(): void {
    this.#current = this.#waiting.shift()
    this.#current?.send()
  }

  /** The broker closed the channel: because of the current call, or of something else. */
  closed(closure: ChannelClosure, operation: string | undefined): void {
    const call = this.#current
    this.#current = undefined
    call?.reject(operation === call.operation ? closure.rejection(operation) : closure.event)
    this.abandon()
  }

  /** Nothing will be answered any more. */
  abandon(): void {
    const calls = [this.#current, ...this.#waiting]
    this.#current = undefined
    this.#waiting = []
    for (const call of calls) {
      call?.reject(new Error('Channel ended, no reply will be forthcoming'))
    }
  }
}
