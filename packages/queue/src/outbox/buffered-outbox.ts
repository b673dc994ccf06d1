import { encodeTraced } from '../envelope.ts'
import type { EncodeContext, Outgoing } from '../envelope.ts'
import { QueueError } from '../errors.ts'
import type { MessageDefinition, MessageInput } from '../message.ts'
import { cancelOutbox } from '../postgres/cancel-outbox.ts'
import { insertOutbox } from '../postgres/insert-outbox.ts'
import type { Query } from '../postgres/query.ts'
import type { HandlerOutbox, Published, PublishOptions } from './types.ts'

/** A handler's outbox: collects, and writes everything in one statement just before the commit. */
export class BufferedOutbox implements HandlerOutbox {
  readonly #query: Query
  readonly #schema: string
  readonly #context: EncodeContext
  #messages: Outgoing[]
  #encoding = 0
  #written = false

  /**
   * @param earlier - what was collected before in the same transaction; it can be cancelled here, and
   * is among what is taken.
   */
  constructor(
    query: Query,
    schema: string,
    context: EncodeContext,
    earlier: readonly Outgoing[] = [],
  ) {
    this.#query = query
    this.#schema = schema
    this.#context = context
    this.#messages = [...earlier]
  }

  get size(): number {
    return this.#messages.length
  }

  async publish<M extends MessageDefinition>(
    message: M,
    data: MessageInput<M>,
    options: PublishOptions = {},
  ): Promise<Published> {
    if (this.#written) throw floating('QUEUE_TRANSACTION_CLOSED')
    this.#encoding += 1
    try {
      return await encodeTraced('creating', message, data, options, this.#context, (outgoing) => {
        this.#messages.push(outgoing)
        return { id: outgoing.messageId }
      })
    } finally {
      this.#encoding -= 1
    }
  }

  async cancel(id: string): Promise<boolean> {
    const left = this.#messages.filter((message) => message.messageId !== id)
    if (left.length < this.#messages.length) {
      this.#messages = left
      return true
    }
    return await cancelOutbox(this.#query, this.#schema, id)
  }

  async flush(query: Query): Promise<void> {
    const messages = this.take()
    if (messages.length > 0) await insertOutbox(query, this.#schema, messages)
  }

  /** Closes it; whoever takes the messages writes them. */
  take(): readonly Outgoing[] {
    this.#written = true
    if (this.#encoding > 0) throw floating('QUEUE_FLOATING_QUERY')
    return this.#messages
  }
}

function floating(code: 'QUEUE_TRANSACTION_CLOSED' | 'QUEUE_FLOATING_QUERY'): QueueError {
  return new QueueError(
    'A message was published after its handler returned. Await every publish.',
    {
      code,
      retryable: code === 'QUEUE_FLOATING_QUERY',
    },
  )
}
