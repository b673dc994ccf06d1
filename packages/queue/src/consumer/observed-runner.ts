import type { BusTelemetry, ConsumedRef, IncomingRef } from '../telemetry.ts'
import type { Delivery } from './delivery.ts'
import type { Settlement } from './settle.ts'
import type { Unit, UnitRunner } from './unit.ts'

/** Lets the telemetry see what a runner does, whether it runs messages one by one or together. */
export class ObservedRunner implements UnitRunner {
  readonly #runner: UnitRunner
  readonly #consumer: { readonly name: string; readonly queue: string }
  readonly #telemetry: BusTelemetry

  constructor(
    runner: UnitRunner,
    consumer: { readonly name: string; readonly queue: string },
    telemetry: BusTelemetry,
  ) {
    this.#runner = runner
    this.#consumer = consumer
    this.#telemetry = telemetry
  }

  get batch(): UnitRunner['batch'] {
    return this.#runner.batch
  }

  async run(unit: Unit): Promise<readonly Settlement[]> {
    let running: Promise<readonly Settlement[]> | undefined
    const work = (): Promise<readonly Settlement[]> => (running ??= this.#runner.run(unit))
    try {
      await this.#telemetry.consuming(
        this.#consumer,
        unit.deliveries.map(incomingRef),
        async (tell) => {
          const settlements = await work()
          for (const [at, delivery] of unit.deliveries.entries()) {
            tell(consumedRef(delivery, settlements[at] ?? 'abandoned'))
          }
        },
      )
    } catch {
      // Whatever is wrong with the telemetry, the messages are handled, and once.
    }
    return await work()
  }
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

function consumedRef({ account, message }: Delivery, outcome: Settlement): ConsumedRef {
  return {
    outcome,
    messageType: account?.messageType ?? String(message.properties.type ?? ''),
    attempt: account?.attempt ?? 1,
    error: account?.error,
  }
}
