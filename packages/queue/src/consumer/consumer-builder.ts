import { QueueError } from '../errors.ts'
import type { BatchHandler, OneStepHandler, TwoStepHandler } from '../handler.ts'
import type { MessageDefinition } from '../message.ts'
import type { ResolvedConsumerOptions } from '../resolve-options.ts'
import type { Consumer, ConsumerHealth, DrainResult } from '../types.ts'
import type { Route } from './attempt.ts'
import type { RunningConsumer } from './consumer.ts'
import { NO_SETTLEMENTS } from './settle.ts'

type Routes<DB> = Map<string, Map<number, Route<DB>>>

/** What a caller of `bus.consumer` holds: collects the handlers, then starts. */
export class ConsumerBuilder<DB> implements Consumer<DB> {
  readonly options: ResolvedConsumerOptions
  readonly #build: (routes: Routes<DB>) => RunningConsumer<DB>
  readonly #routes: Routes<DB> = new Map()
  #running: RunningConsumer<DB> | undefined

  constructor(
    options: ResolvedConsumerOptions,
    build: (routes: Routes<DB>) => RunningConsumer<DB>,
  ) {
    this.options = options
    this.#build = build
  }

  handle(
    definition: MessageDefinition,
    handler: OneStepHandler<any, DB> | TwoStepHandler<any, DB, any>,
  ): Consumer<DB> {
    return this.#route({ definition, handler })
  }

  handleBatch<M extends MessageDefinition>(
    definition: M,
    given: BatchHandler<M, DB>,
  ): Consumer<DB> {
    // Routes are looked up by the type on the wire, so its handler gets what its schema made.
    const batchHandler = given as BatchHandler<any, DB>
    if (this.options.batch === undefined) {
      throw this.#invalid('handleBatch needs the option "batch"')
    }
    // What has to run alone is a batch of one.
    const handler: OneStepHandler<any, DB> = (message, { trx, outbox, signal }) =>
      batchHandler([message], { trx, outbox, signal })
    return this.#route({ definition, handler, batchHandler })
  }

  async start(): Promise<void> {
    for (const { type, version } of this.options.messages) {
      if (this.#routes.get(type)?.has(version) !== true) {
        throw this.#invalid(`"${type}" version ${version} has no handler`)
      }
    }
    this.#running ??= this.#build(this.#routes)
    this.#running.start()
  }

  health(): ConsumerHealth {
    if (this.#running !== undefined) return this.#running.health()
    const { name, queue } = this.options
    return {
      name,
      queue,
      state: 'idle',
      counts: NOTHING_YET,
      lanes: undefined,
      lastError: undefined,
    }
  }

  pause(): Promise<void> {
    return this.#running?.pause() ?? Promise.reject(this.#invalid('it was not started'))
  }

  async resume(): Promise<void> {
    await this.#running?.resume()
  }

  async drain(deadlineMs: number): Promise<DrainResult> {
    return (await this.#running?.drain(deadlineMs)) ?? { finished: 0, released: 0, abandoned: 0 }
  }

  #route(route: Route<DB>): Consumer<DB> {
    const { definition } = route
    const { type, version } = definition
    if (!this.options.messages.includes(definition)) {
      throw this.#invalid(`"${type}" version ${version} is not among its messages`)
    }
    const versions = this.#routes.get(type) ?? new Map<number, Route<DB>>()
    if (versions.has(version)) throw this.#invalid(`"${type}" version ${version} has two handlers`)
    if (this.#running !== undefined) throw this.#invalid('it was started already')
    this.#routes.set(type, versions.set(version, route))
    return this
  }

  #invalid(reason: string): QueueError {
    return new QueueError(`Consumer "${this.options.name}": ${reason}`, {
      code: 'QUEUE_INVALID_OPTIONS',
      retryable: false,
    })
  }
}

const NOTHING_YET = Object.freeze({ delivered: 0, ...NO_SETTLEMENTS, inFlight: 0 })
