import type { Transaction } from 'kysely'
import { massReversalSigns } from './mass-reversal.ts'
import type { MassReversalSigns, WindowCounts } from './mass-reversal.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import { countBeforeWindow, countWindow } from './sql/count-window.ts'
import { inTime } from './transactions.ts'

const nothing: WindowCounts = { created: 0, pending: 0, completed: 0, reversed: 0 }

/** The part of a run's time that a look may take: a table without its index must not use up all. */
const SHARE_OF_BUDGET = 0.25

/** PostgreSQL's code for a statement that was cancelled, here by its time-out. */
const CANCELLED = '57014'

/** Counts what became of the rows created lately, and judges. `stale`: how many are stale now. */
export async function lookForMassReversal(
  options: ResolvedReversalOptions,
  stale: number,
): Promise<MassReversalSigns> {
  const { massReversal: limits, timeBudgetMs } = options
  const limitMs = Math.max(1, Math.floor(timeBudgetMs * SHARE_OF_BUDGET))
  try {
    const look = async (trx: Transaction<any>): Promise<MassReversalSigns> => {
      const window = await countWindow(trx, options)
      const lacking = limits.noneCompletedMin - (window.created - window.pending + stale)
      const before = lacking > 0 ? await countBeforeWindow(trx, options, lacking) : nothing
      return massReversalSigns(limits, stale, window, before)
    }
    return await inTime(options, look, limitMs)
  } catch (error) {
    if ((error as { readonly code?: unknown } | null)?.code !== CANCELLED) throw error
    // Not knowing must neither stop the work nor stay unnoticed.
    return { ...massReversalSigns(limits, stale, nothing, nothing), causes: ['uncounted'] }
  }
}
