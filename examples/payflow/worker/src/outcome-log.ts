import type { Logger } from '@payflow-app/service-kit'
import type { BusEvent } from '@payflow/queue'
import type { WorkerMetrics } from './worker-metrics.ts'

/** What the transaction of one message wrote. */
export interface Outcome {
  readonly kind: 'COMPLETED' | 'FAILED' | 'late'
  readonly paymentId: string
  readonly requestId?: string
  readonly failureCode?: string
  /** From the acceptance to the end, by PostgreSQL's clock. */
  readonly sinceAcceptedMs?: number
}

/**
 * Tells how payments ended, and only when that is true: a line written inside the transaction would
 * say COMPLETED of a payment whose commit never came.
 */
export interface OutcomeLog {
  /** Written in a transaction that is not committed yet. */
  written(messageId: string, outcome: Outcome): void
  /** Something happened in the bus. */
  observe(event: BusEvent): void
}

/** Creates the log of one worker. */
export function createOutcomeLog(logger: Logger, metrics: WorkerMetrics): OutcomeLog {
  // As many entries as messages in hand: whatever becomes of a message, an event ends it.
  const open = new Map<string, Outcome>()
  return {
    written: (messageId, outcome) => void open.set(messageId, outcome),
    observe(event) {
      metrics.observe(event)
      if (!('messageId' in event)) return
      const { messageId, attempt } = event
      const outcome = open.get(messageId)
      open.delete(messageId)
      if (event.type === 'message.duplicate') {
        logger.info({ messageId, attempt }, 'known message: it was committed before')
      }
      if (event.type !== 'message.committed' || outcome === undefined) return
      const { kind, ...fields } = outcome
      metrics.recorded(kind, fields.sinceAcceptedMs)
      const line =
        kind === 'late' ? 'late message: the payment had ended before' : `payment ${kind}`
      logger.info({ messageId, attempt, ...fields }, line)
    },
  }
}
