import type { HandlerAtWork } from '../events.ts'
import type { LoopWatch } from '../loop-watch.ts'
import type { BusTelemetry, ConsumedRef, IncomingRef } from '../telemetry.ts'
import type { Delivery } from './delivery.ts'
import type { Held, Settlement } from './settle.ts'
import type { Unit, UnitRunner } from './unit.ts'

/** What observing a consumer needs to know of it. */
interface ObservedParts {
  readonly name: string
  readonly queue: string
  readonly loop: LoopWatch
  readonly attempt: { readonly encode: { readonly telemetry: BusTelemetry } }
}

/** Lets telemetry and loop watch see what a runner does, whether it runs messages one by one or together. */
export class ObservedRunner implements UnitRunner {
  readonly #runner: UnitRunner
  readonly #consumer: { readonly name: string; readonly queue: string }
  readonly #telemetry: BusTelemetry
  readonly #loop: LoopWatch

  constructor(runner: UnitRunner, parts: ObservedParts) {
    this.#runner = runner
    this.#consumer = { name: parts.name, queue: parts.queue }
    this.#telemetry = parts.attempt.encode.telemetry
    this.#loop = parts.loop
  }

  get batch(): UnitRunner['batch'] {
    return this.#runner.batch
  }

  async run(unit: Unit): Promise<readonly (Settlement | Held)[]> {
    let running: Promise<readonly (Settlement | Held)[]> | undefined
    const work = (): Promise<readonly (Settlement | Held)[]> => (running ??= this.#runner.run(unit))
    const leave = this.#loop.enter(unit.deliveries.map((it) => atWork(this.#consumer.name, it)))
    try {
      await this.#telemetry.consuming(
        this.#consumer,
        unit.deliveries.map(incomingRef),
        async (tell) => {
          const outcomes = await work()
          for (const [at, delivery] of unit.deliveries.entries()) {
            tell(consumedRef(delivery, outcomes[at] ?? 'abandoned'))
          }
        },
      )
    } catch {
      // Whatever is wrong with the telemetry, the messages are handled, and once.
    }
    return await work().finally(leave)
  }
}

function atWork(consumer: string, { message: { properties } }: Delivery): HandlerAtWork {
  const messageId = properties.messageId as string | undefined
  return { consumer, messageId, messageType: properties.type as string | undefined }
}

function incomingRef({ message, redelivered }: Delivery): IncomingRef {
  const { fields, properties, content } = message
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    messageId: properties.messageId as string | undefined,
    bodyBytes: content.length,
    redelivered,
    headers: properties.headers ?? {},
  }
}

function consumedRef({ account, message }: Delivery, outcome: Settlement | Held): ConsumedRef {
  return {
    // What is held waits in hand instead of in a queue.
    outcome: typeof outcome === 'string' ? outcome : 'retried',
    messageType: account?.messageType ?? String(message.properties.type ?? ''),
    attempt: account?.attempt ?? 1,
    error: account?.error,
  }
}
