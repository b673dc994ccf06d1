import { type Batcher, type BatcherOptions, createBatcher } from './batcher.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { type Item, itemOf } from './item.ts'
import { accountsOf } from './items.ts'
import { type JournalInput, journalOf } from './journal.ts'
import type { TransferInputs } from './moves.ts'
import type { Busy, JournalResult, TransferResult, Unknown } from './outcomes.ts'
import { CHUNK_MAX, type Posted, postItems, resultsOf } from './post-items.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { within } from './within.ts'

const ITEMS_MAX = 10_000
const CHUNK_DEFAULT = 500

/** Options of {@link LedgerGroups.transferMany}. */
export interface TransferManyOptions {
  /**
   * Items of one statement, 1 … 1,000. More make each item cheaper, and the locks of all of them
   * last longer.
   * @defaultValue 500
   */
  readonly chunk?: number
}

/** Verbs that move money between many accounts at once. */
export interface LedgerGroups {
  /**
   * Transfers that stand or fall together: all legs are posted, in their order, or none is. Debits
   * equal credits in every currency, because they do in every leg; an exchange is four legs through
   * an account of yours in each currency.
   *
   * The first leg that cannot be posted decides the answer: `rejected` for its reason, with its
   * index in `detail.leg`, or `conflict` where its id is in use. The same journal again is
   * `replayed`. The journal and its legs are kept as such: `lookup` finds it by its id.
   */
  journal<const Cs extends readonly string[]>(
    db: Executor,
    journal: JournalInput<Cs>,
  ): Promise<JournalResult>
  /**
   * Many transfers with the round trips and the commit of a few. Result *i* belongs to item *i*,
   * and is what {@link LedgerMoves.transfer} would have answered if the items had been sent one
   * after the other: an item may spend what an earlier one brought; of one id twice, the second is
   * replayed or a conflict; a refused item changes nothing for the others.
   *
   * The items are *not* all or nothing. `chunk` items are one statement. Outside a transaction each
   * chunk commits by itself: when one meets a fault, its items answer `busy` or `unknown`, those of
   * the chunks before it stay, and those of the chunks after it are not sent and answer `busy`. The
   * same call again, with the same ids, ends what is left.
   *
   * Two calls at once never deadlock, whatever accounts they share: those of all chunks are locked
   * in one order, in a transaction before the first chunk. Nor over the ids that they share, unless
   * both are several chunks inside transactions.
   *
   * @param transfers - at most 10,000
   * @throws {@link LedgerError} as of `transfer`; with code `LEDGER_INVALID_OPTION` for too many
   * items or a chunk out of range.
   */
  transferMany<const Cs extends readonly string[]>(
    db: Executor,
    transfers: TransferInputs<Cs>,
    options?: TransferManyOptions,
  ): Promise<TransferResult[]>
  /**
   * Sends the transfers that are asked for at the same time together, as `transferMany` does: the
   * call for one transfer, at the cost of many. For hot accounts above all, whose row is then locked
   * once a batch and not once a transfer.
   *
   * It holds what waits in memory, and retries nothing. End it with `close` before the process ends.
   *
   * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when `db` is a Transaction or an
   * option is out of range.
   */
  batcher(db: Executor, options?: BatcherOptions): Batcher
}

/** The verbs of {@link LedgerGroups} on a schema. */
export function groupsOf(s: string): LedgerGroups {
  const post = postItems(s)
  const lockAccounts = call(s, 'lock_accounts', 'uuid[]')
  return {
    journal: journalOf(s),
    batcher: (db, options) => createBatcher(post, db, options),
    async transferMany(db, transfers, options = {}) {
      const chunk = within('chunk', options.chunk ?? CHUNK_DEFAULT, CHUNK_MAX)
      if (!Array.isArray(transfers) || transfers.length > ITEMS_MAX) {
        throw new LedgerError(
          'LEDGER_INVALID_OPTION',
          `transfers must be an array of at most ${ITEMS_MAX}`,
        )
      }
      const results: TransferResult[] = []
      const valid: { readonly index: number; readonly item: Item }[] = []
      for (const [index, transfer] of transfers.entries()) {
        const item = itemOf(transfer)
        if ('outcome' in item) results[index] = item
        else valid.push({ index, item })
      }
      if (db.isTransaction && valid.length > chunk) {
        await read(db, lockAccounts, [accountsOf(valid.map(({ item }) => item))], () => null)
      }
      let fault: Busy | null = null
      for (let start = 0; start < valid.length; start += chunk) {
        const part = valid.slice(start, start + chunk)
        const items = part.map(({ item }) => item)
        const answer: Posted = fault ?? (await post(db, items))
        if (!Array.isArray(answer)) fault = notSent(answer)
        const answers = resultsOf(answer, items)
        for (const [n, { index }] of part.entries()) results[index] = answers[n] as TransferResult
      }
      return results
    },
  }
}

/** What happened to items behind a fault: nothing, certainly. */
const notSent = (fault: Busy | Unknown): Busy =>
  fault.outcome === 'busy'
    ? fault
    : { outcome: 'busy', cause: 'unavailable', retryAfterMs: fault.retryAfterMs }
