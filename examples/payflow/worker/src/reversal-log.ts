import type { Logger } from '@payflow-app/service-kit'
import type { ReversalEvent } from '@payflow/reversal'

/** Writes what the job does to the log: a line for each row, a line for each run. */
export function logReversalEvent(logger: Logger, event: ReversalEvent): void {
  switch (event.type) {
    case 'row_settled': {
      const { id: paymentId, reason, outcome } = event
      logger.warn({ paymentId, reason, outcome }, `stale payment ${outcome}`)
      return
    }
    case 'row_lost':
      logger.info({ paymentId: event.id }, 'stale payment held or settled by another writer')
      return
    case 'row_not_yet':
      logger.info({ paymentId: event.id }, 'stale payment not decided yet')
      return
    case 'row_failed': {
      const { id: paymentId, reason, error } = event
      logger.error({ paymentId, reason, err: error }, 'stale payment could not be ended')
      return
    }
    case 'mass_reversal':
      logger.error(event.massReversal, `mass reversal: ${event.massReversal.causes.join(', ')}`)
      return
    case 'run_finished': {
      const { result } = event
      const level = result.endedBy === 'max_per_run' ? 'error' : 'info'
      logger[level](result, `reversal run: ${result.scanned} stale, ended by ${result.endedBy}`)
      return
    }
    case 'run_failed':
      logger.error({ err: event.error }, 'reversal run failed')
      return
    default:
      event satisfies never
  }
}
