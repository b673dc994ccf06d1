import { ReversalError } from './errors.ts'
import type { FinalOutcome, RowOutcome, StaleReason } from './outcome.ts'
import type { AnyRow, ResolvedReversalOptions } from './resolve-options.ts'
import { settleRow } from './sql/settle-row.ts'
import { verifyOpen } from './sql/verify-open.ts'
import { withDeadline } from './with-deadline.ts'

/** One stale row on its way to its end. */
export interface StaleEntry {
  readonly id: string
  readonly row: AnyRow
  readonly reason: StaleReason
}

/**
 * Decides, then records. The decision is taken with no lock and no transaction open, so it may be
 * slow; whatever dies in between, asking again gives the same answer.
 */
export async function settleStaleRow(
  options: ResolvedReversalOptions,
  entry: StaleEntry,
): Promise<RowOutcome> {
  const { id, row, reason } = entry
  try {
    const outcome = await withDeadline(options.resolveTimeoutMs, (signal) =>
      options.resolve(row, { signal }),
    )
    if (outcome === 'not_yet') {
      options.emit({ type: 'row_not_yet', id, reason })
      return outcome
    }
    if (outcome !== 'reversed' && outcome !== 'completed') throw invalidOutcome(outcome)
    await options.probe('reversal.resolved', { id, outcome })
    const settled = await record(options, entry, outcome)
    options.emit({ type: settled ? 'row_settled' : 'row_lost', id, reason, outcome })
    return settled ? outcome : 'lost'
  } catch (error) {
    options.emit({ type: 'row_failed', id, reason, error })
    return 'failed'
  }
}

async function record(
  options: ResolvedReversalOptions,
  { id, row }: StaleEntry,
  outcome: FinalOutcome,
): Promise<boolean> {
  // READ COMMITTED by name: under a stricter default the compare-and-set would raise a
  // serialization failure instead of simply finding the row settled.
  const transaction = options.db.transaction().setIsolationLevel('read committed')
  const settled = await transaction.execute(async (trx) => {
    if (!(await settleRow(trx, options, { id, row, outcome }))) return false
    await options.onResolved(trx, row, outcome)
    await verifyOpen(trx)
    await options.probe('reversal.recording', { id, outcome })
    return true
  })
  if (settled) await options.probe('reversal.recorded', { id, outcome })
  return settled
}

function invalidOutcome(value: never): ReversalError {
  return new ReversalError(
    'REVERSAL_INVALID_OUTCOME',
    `resolve must answer 'reversed', 'completed' or 'not_yet', not ${String(value)}`,
  )
}
