import type { Expression, ExpressionBuilder, SqlBool } from 'kysely'

/** What a run does when it meets a mass reversal. */
export type MassReversalAction = 'proceed' | 'pause'

/**
 * Why it is a mass reversal.
 *
 * - `share`: of the rows that ended lately, or should have, too many were reversed or are stale.
 * - `none_completed`: rows are created and reversed, and not one was completed. Nothing works, and
 *   without this sign it could go on quietly for weeks.
 * - `uncounted`: the rows could not be counted within a quarter of `timeBudgetMs`. Nobody knows, so
 *   it is told as one, but never pauses a run; give the table an index on `createdAt`.
 */
export type MassReversalCause = 'share' | 'none_completed' | 'uncounted'

/**
 * From when on stale rows are a mass reversal. Everything is counted in the table itself, at the
 * start of a run that has stale rows, so it holds for jobs that live a second as well. The count
 * reads the rows created within `windowMs`: give the table an index on `createdAt`.
 */
export interface MassReversalOptions<DB, T extends keyof DB & string> {
  /**
   * How far back rows are counted, by their creation, in milliseconds. Longer than both leashes, or
   * it could not contain a reversed row. Whole number, to 31 days.
   *
   * @defaultValue ten minutes more than the longer leash
   */
  readonly windowMs?: number | undefined
  /**
   * The largest share, of the rows that ended or are stale, of those that were reversed or are
   * stale. 0 to 1; 1 switches this sign off.
   *
   * @defaultValue 0.2
   */
  readonly shareMax?: number | undefined
  /**
   * From how many reversed and stale rows on the share is looked at: two of three prove nothing.
   * Whole number, at least 1.
   *
   * @defaultValue 10
   */
  readonly rowsMin?: number | undefined
  /**
   * How many rows must have ended, or be stale, without one that was completed. When the window has
   * fewer, the rows before it are counted as well: at three payments a day, too, an outage shows.
   * Whole number, at least 1.
   *
   * @defaultValue 5
   */
  readonly noneCompletedMin?: number | undefined
  /**
   * Which rows in the reversed status this job reversed, where a worker writes the same status for
   * refusals of its own: `(eb) => eb('failure_code', '=', 'reversed_timeout')`.
   *
   * @defaultValue all of them
   */
  readonly isReversed?: ((eb: ExpressionBuilder<DB, T>) => Expression<SqlBool>) | undefined
}

/** The limits, with every default in place. */
export interface MassReversalLimits {
  readonly windowMs: number
  readonly shareMax: number
  readonly rowsMin: number
  readonly noneCompletedMin: number
}

/** How many rows, of those created within a time, are where. */
export interface WindowCounts {
  readonly created: number
  readonly pending: number
  readonly completed: number
  readonly reversed: number
}

/** What the table says about mass reversal. */
export interface MassReversalSigns {
  /** How far back rows were counted, in milliseconds. */
  readonly windowMs: number
  /** Rows created within it. */
  readonly created: number
  /** Those of them that were completed, by whomever. */
  readonly completed: number
  /** Those of them that were reversed. */
  readonly reversed: number
  /** Rows that are stale now, whenever they were created. */
  readonly stale: number
  /** Reversed and stale rows ÷ rows that ended or are stale; 0 when there are none. */
  readonly share: number
  /** Why it is a mass reversal; empty when it is none. */
  readonly causes: readonly MassReversalCause[]
}

/** A mass reversal that a run met, and what it did. */
export interface MassReversal extends MassReversalSigns {
  /** `proceed`, whatever was asked for, when nothing but `uncounted` speaks for one. */
  readonly action: MassReversalAction
}

/**
 * What is done about these signs. Not having been able to count never pauses: a table that has lost
 * its index would otherwise keep everything pending for ever.
 */
export function actionFor(
  { causes }: Pick<MassReversalSigns, 'causes'>,
  asked: MassReversalAction,
): MassReversalAction {
  return causes.some((cause) => cause !== 'uncounted') ? asked : 'proceed'
}

/**
 * Judges. Rows that are pending within their leash count for nothing: an honest backlog is no sign.
 * `before` are rows created before the window, the newest that ended.
 */
export function massReversalSigns(
  limits: MassReversalLimits,
  stale: number,
  window: WindowCounts,
  before: WindowCounts,
): MassReversalSigns {
  const { created, completed, reversed } = window
  const ended = created - window.pending
  const share = ended + stale === 0 ? 0 : (reversed + stale) / (ended + stale)
  const causes: MassReversalCause[] = []
  if (reversed + stale >= limits.rowsMin && share > limits.shareMax) causes.push('share')
  const enough = ended + stale + before.created >= limits.noneCompletedMin
  const anyReversed = stale + reversed + before.reversed > 0
  if (enough && anyReversed && completed + before.completed === 0) causes.push('none_completed')
  return { windowMs: limits.windowMs, created, completed, reversed, stale, share, causes }
}
