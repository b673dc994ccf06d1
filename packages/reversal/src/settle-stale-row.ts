import type { Transaction } from 'kysely'
import { ReversalError } from './errors.ts'
import type { FinalOutcome, ResolveOutcome, RowOutcome, StaleReason } from './outcome.ts'
import type { AnyRow, Decision, ResolvedReversalOptions } from './resolve-options.ts'
import { lockStaleRow } from './sql/lock-stale-row.ts'
import { settleRow } from './sql/settle-row.ts'
import { verifyOpen } from './sql/verify-open.ts'
import { inTransaction } from './transactions.ts'
import { withDeadline } from './with-deadline.ts'

/** One stale row on its way to its end. */
export interface StaleEntry {
  readonly id: string
  readonly row: AnyRow
  readonly reason: StaleReason
}

interface Settled {
  readonly outcome: RowOutcome
  /** What was decided; undefined when nothing was, the row being held by another. */
  readonly decided?: FinalOutcome
}

/** Decides and records one row, in the way the options ask for, and tells how it went. */
export async function settleStaleRow(
  options: ResolvedReversalOptions,
  entry: StaleEntry,
): Promise<RowOutcome> {
  const { id, reason } = entry
  try {
    const { outcome, decided } = await settle(options, options.decision, entry)
    if (outcome === 'not_yet') options.emit({ type: 'row_not_yet', id, reason })
    else if (outcome === 'lost') options.emit({ type: 'row_lost', id, reason, outcome: decided })
    else if (outcome !== 'failed') options.emit({ type: 'row_settled', id, reason, outcome })
    return outcome
  } catch (error) {
    options.emit({ type: 'row_failed', id, reason, error })
    return 'failed'
  }
}

function settle(
  options: ResolvedReversalOptions,
  decision: Decision,
  entry: StaleEntry,
): Promise<Settled> {
  return decision.where === 'inside'
    ? decideInside(options, decision.resolve, entry)
    : decideThenRecord(options, decision.resolve, entry)
}

/**
 * The decision is taken with no lock and no transaction open, so it may be slow; whatever dies in
 * between, asking again gives the same answer.
 */
async function decideThenRecord(
  options: ResolvedReversalOptions,
  resolve: (Decision & { readonly where: 'outside' })['resolve'],
  { id, row }: StaleEntry,
): Promise<Settled> {
  const answer = await withDeadline('resolve', options.resolveTimeoutMs, (signal) =>
    resolve(row, { signal }),
  )
  const outcome = checkedAnswer(answer)
  if (outcome === 'not_yet') return { outcome }
  await options.probe('reversal.resolved', { id, outcome })
  const settled = await inTransaction(options, (trx) => record(trx, options, { id, row, outcome }))
  if (!settled) return { outcome: 'lost', decided: outcome }
  await options.probe('reversal.recorded', { id, outcome })
  return { outcome }
}

/** Thrown to roll back what was written on the way to no answer. */
class NothingDecided extends Error {}

/**
 * Lock, decision, status and hook are one transaction. Nothing of it lasts before its commit, so
 * nothing need be repeatable.
 */
async function decideInside(
  options: ResolvedReversalOptions,
  resolve: (Decision & { readonly where: 'inside' })['resolve'],
  { id, reason }: StaleEntry,
): Promise<Settled> {
  const attempt = inTransaction(options, async (trx): Promise<Settled> => {
    const row = await lockStaleRow(trx, options, { id, reason })
    if (row === undefined) return { outcome: 'lost' }
    await options.probe('reversal.locked', { id })
    const answer = await withDeadline('resolveInTransaction', options.resolveTimeoutMs, (signal) =>
      resolve(trx, row, { signal }),
    )
    const outcome = checkedAnswer(answer)
    if (outcome === 'not_yet') throw new NothingDecided()
    await options.probe('reversal.resolved', { id, outcome })
    const settled = await record(trx, options, { id, row, outcome })
    // Locked by us since it was found pending: only what `resolve` did itself can have changed it.
    if (!settled) throw new Error(`resolveInTransaction itself changed the status of ${id}`)
    return { outcome }
  })
  try {
    const settled = await attempt
    if (settled.outcome !== 'lost') await options.probe('reversal.recorded', { id, ...settled })
    return settled
  } catch (error) {
    if (error instanceof NothingDecided) return { outcome: 'not_yet' }
    throw error
  }
}

async function record(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  target: { readonly id: string; readonly row: AnyRow; readonly outcome: FinalOutcome },
): Promise<boolean> {
  const { id, row, outcome } = target
  if (!(await settleRow(trx, options, target))) return false
  await withDeadline('onResolved', options.resolveTimeoutMs, () =>
    options.onResolved(trx, row, outcome),
  )
  await verifyOpen(trx)
  await options.probe('reversal.recording', { id, outcome })
  return true
}

function checkedAnswer(answer: ResolveOutcome): ResolveOutcome {
  if (answer === 'reversed' || answer === 'completed' || answer === 'not_yet') return answer
  throw new ReversalError(
    'REVERSAL_INVALID_OUTCOME',
    `resolve must answer 'reversed', 'completed' or 'not_yet', not ${String(answer satisfies never)}`,
  )
}
