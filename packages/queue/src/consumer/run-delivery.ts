import { QueueError } from '../errors.ts'
import type { Reporter } from '../reporter.ts'
import { attemptDelivery } from './attempt.ts'
import type { AttemptContext } from './attempt.ts'
import type { Delivery } from './delivery.ts'
import { settle } from './settle.ts'
import type { Held, SettleContext, Settlement } from './settle.ts'
import type { Unit, UnitRunner } from './unit.ts'

/** What running deliveries needs to know of its consumer. */
export interface RunContext<DB> {
  readonly name: string
  readonly deadlineMs: number
  readonly reporter: Reporter
  readonly attempt: AttemptContext<DB>
  readonly settle: SettleContext
  /** Called after a commit that wrote outbox rows. */
  readonly onPublished: () => void
  /** Called with what should never happen. */
  readonly onDefect: (error: unknown) => void
}

/** Runs deliveries one by one: each has its own transaction, attempts and settlement. */
export class DeliveryRunner<DB> implements UnitRunner {
  readonly #context: RunContext<DB>

  constructor(context: RunContext<DB>) {
    this.#context = context
  }

  async run({ deliveries: [delivery], controller }: Unit): Promise<readonly (Settlement | Held)[]> {
    return delivery === undefined ? [] : [await this.#runOne(delivery, controller)]
  }

  async #runOne(delivery: Delivery, controller: AbortController): Promise<Settlement | Held> {
    const context = this.#context
    const { name, deadlineMs } = context
    const timer = setTimeout(() => controller.abort(tooLate(name, deadlineMs)), deadlineMs)
    const startedAt = performance.now()
    try {
      const attempt = await attemptDelivery(context.attempt, delivery, controller.signal)
      clearTimeout(timer)
      const settlement = await settle(context.settle, delivery, attempt)
      if (attempt.verdict.kind === 'committed') {
        if (attempt.verdict.published) context.onPublished()
        context.reporter.emit({
          type: 'message.committed',
          consumer: name,
          messageId: attempt.messageId ?? '',
          messageType: attempt.messageType,
          attempt: attempt.attempt,
          durationMs: performance.now() - startedAt,
        })
      }
      return settlement
    } catch (error) {
      // Neither part throws; if one does, the message must not stay in hand for ever.
      context.onDefect(error)
      delivery.releaseUnlessSettled()
      return 'abandoned'
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Why a handler is told to stop when its time is up. */
export function tooLate(name: string, deadlineMs: number): QueueError {
  return new QueueError(`A handler of "${name}" took longer than ${deadlineMs} ms`, {
    code: 'QUEUE_HANDLER_DEADLINE',
    retryable: true,
  })
}
