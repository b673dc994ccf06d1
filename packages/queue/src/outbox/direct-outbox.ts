import { encodeTraced } from '../envelope.ts'
import type { EncodeContext, Outgoing } from '../envelope.ts'
import type { MessageDefinition, MessageInput } from '../message.ts'
import { cancelOutbox } from '../postgres/cancel-outbox.ts'
import { insertOutbox } from '../postgres/insert-outbox.ts'
import { queryThrough } from '../postgres/query.ts'
import type { Query } from '../postgres/query.ts'
import type { Outbox, OutboxExecutor, Published, PublishOptions } from './types.ts'

/** The outbox in a transaction the caller owns: each call is one statement. */
export class DirectOutbox implements Outbox {
  readonly #query: Query
  readonly #schema: string
  readonly #context: EncodeContext

  constructor(executor: OutboxExecutor, schema: string, context: EncodeContext) {
    this.#query = queryThrough(executor)
    this.#schema = schema
    this.#context = context
  }

  async publish<M extends MessageDefinition>(
    message: M,
    data: MessageInput<M>,
    options: PublishOptions = {},
  ): Promise<Published> {
    const write = async (outgoing: Outgoing): Promise<Published> => {
      await insertOutbox(this.#query, this.#schema, [outgoing])
      return { id: outgoing.messageId }
    }
    return await encodeTraced('creating', message, data, options, this.#context, write)
  }

  async cancel(id: string): Promise<boolean> {
    return await cancelOutbox(this.#query, this.#schema, id)
  }
}
