import { decodeLookup } from './decode.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { faultOf } from './pg-errors.ts'
import type { Hold, Journal, Lookup, Rejection, Transfer } from './records.ts'
import { read } from './statement.ts'
import { type Fate, fateOf, isMark } from './transaction-fate.ts'
import { isUuid } from './validate.ts'

/** Request of {@link LedgerUnits.resolve}: at least one of the two. */
export interface ResolveInput {
  /** An id that a call was made with. */
  readonly id?: string
  /** The `xid` of an `unknown` answer of {@link LedgerUnits.run}. */
  readonly xid?: string
}

/**
 * Answer of {@link LedgerUnits.resolve}.
 *
 * What the id names: `posted`, `journal_posted`, `held`, `captured`, `released`, `expired` and `rejected` are facts; all but
 * `held` are final.
 *
 * What became of the transaction, when the id names nothing (or none was given): `committed` and
 * `aborted` are final, `in_progress` is not.
 *
 * `not_found`: the id names nothing *yet*. It does not prove that nothing will come: the statement
 * may still be on its way, or wait for a lock on the server. Make the same call again, which waits
 * for it or does it now; or `release` the id, which keeps it from ever posting.
 *
 * `undetermined`: the server no longer knows the transaction, because it is too long ago or the
 * server was started anew since. Only the ids of its calls tell.
 */
export type Resolution =
  /** A transfer, or a capture that was given an id of its own. */
  | { readonly state: 'posted'; readonly transfer: Transfer }
  | { readonly state: 'journal_posted'; readonly journal: Journal }
  | {
      /** A hold: open, captured (whole or by a final capture), released or past its time. */
      readonly state: 'held' | 'captured' | 'released' | 'expired'
      /** Null: released before it was ever placed. */
      readonly hold: Hold | null
      /** What it has posted so far. */
      readonly captures: readonly Transfer[]
    }
  /** A refusal that was written down: it never posts. */
  | { readonly state: 'rejected'; readonly rejection: Rejection }
  | { readonly state: 'committed' | 'aborted' | 'in_progress' }
  | { readonly state: 'not_found' | 'undetermined' }

/** {@link LedgerUnits.resolve} */
export async function resolve(
  db: Executor,
  lookup: string,
  { id, xid }: ResolveInput,
): Promise<Resolution> {
  if (id === undefined && xid === undefined) {
    throw new LedgerError('LEDGER_INVALID_OPTION', 'resolve needs an id or an xid')
  }
  if (xid !== undefined && !isMark(xid)) {
    const message = 'xid must be the text that an unknown answer of run named'
    throw new LedgerError('LEDGER_INVALID_OPTION', message)
  }
  // The transaction first: if it commits in between, the id is found.
  const fate = xid === undefined ? undefined : await askFate(db, xid)
  const named = isUuid(id) ? await read(db, lookup, [id], decodeLookup) : null
  if (named !== null) return stateOf(named)
  switch (fate) {
    case 'committed':
    case 'aborted':
      return { state: fate }
    case 'in progress':
      return { state: 'in_progress' }
    case 'forgotten':
      return { state: id === undefined ? 'undetermined' : 'not_found' }
    case undefined:
      return { state: 'not_found' }
  }
}

async function askFate(db: Executor, xid: string): Promise<Fate> {
  try {
    return await fateOf(db, xid)
  } catch (error) {
    throw faultOf(error).error
  }
}

function stateOf(named: Lookup): Resolution {
  if (named.kind === 'journal') return { state: 'journal_posted', journal: named.journal }
  if (named.kind === 'transfer') return { state: 'posted', transfer: named.transfer }
  if (named.kind === 'rejection') return { state: 'rejected', rejection: named.rejection }
  if (named.kind === 'tombstone') return { state: 'released', hold: null, captures: [] }
  const { hold, captures } = named
  return { state: hold.state === 'open' ? 'held' : hold.state, hold, captures }
}
