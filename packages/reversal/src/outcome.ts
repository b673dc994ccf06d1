/**
 * What `resolve` decided about one stale row.
 *
 * - `reversed`: it did not happen and, from now on, never can.
 * - `completed`: it had already happened; only the record was missing.
 * - `not_yet`: nothing was decided; the row is left alone until the next run.
 */
export type ResolveOutcome = 'reversed' | 'completed' | 'not_yet'

/** The two answers that end a row. */
export type FinalOutcome = Exclude<ResolveOutcome, 'not_yet'>

/**
 * Why a row counts as stale.
 *
 * - `undispatched`: nobody confirmed taking its message within `dispatchTimeoutMs`.
 * - `unprocessed`: its message was taken, but it was not settled within `processingTimeoutMs`.
 */
export type StaleReason = 'undispatched' | 'unprocessed'

/** What became of one row in one run. */
export type RowOutcome = ResolveOutcome | 'lost' | 'failed'
