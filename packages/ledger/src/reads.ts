import { decodeBalance, decodeLookup, decodeTrialBalance } from './decode.ts'
import type { Executor } from './executor.ts'
import {
  type BalanceAtQuery,
  type EntriesQuery,
  historyOf,
  type StatementQuery,
} from './history.ts'
import type { Balance, BalanceAt, EntryPage, Lookup, Statement, TrialBalance } from './records.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { isUuid } from './validate.ts'

/** Reads: no lock, one snapshot each. */
export interface LedgerReads {
  /** What an id names, or null. A read: only `capture` and `release` decide. */
  lookup(db: Executor, id: string): Promise<Lookup | null>
  /** The balance of an account now, from one snapshot, or null when there is no such account. */
  balance(db: Executor, accountId: string): Promise<Balance | null>
  /**
   * The posted balance of an account at an instant, or null when there is no such account; 0 before
   * its first row. Found by binary search: as fast for ten million rows as for ten. On the
   * effective axis, rows that bear an explicit `effectiveAt` are added up one by one.
   *
   * The answer stays the same for ever once the account has a later row. Until then a transfer
   * that is under way may still commit with an earlier time: ask for an instant that is some
   * seconds past, or seal the period. On the effective axis only a sealed period is final.
   *
   * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` for an `asOf` that is no date.
   */
  balance(db: Executor, accountId: string, at: BalanceAtQuery): Promise<BalanceAt | null>
  /**
   * A page of an account's journal, by its own gap-free sequence. The parts of a sharded account
   * have a sequence each; they are merged by recorded time, and `seq` is an opaque position.
   */
  entries(db: Executor, query: EntriesQuery): Promise<EntryPage>
  /**
   * A page of an account's statement: opening balance, lines, closing balance, or null when there
   * is no such account. The closing of a page is the opening of the next. Lines are ordered by the
   * account's sequence, never by a clock; those of a sharded account by recorded time.
   *
   * The first page also has the sums of the period, which takes time in proportion to its lines;
   * all else costs the same however long the journal is. A period that has not ended may grow
   * between two pages.
   *
   * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` for dates that are none or are
   * reversed, and for a limit outside its range.
   */
  statement(db: Executor, query: StatementQuery): Promise<Statement | null>
  /** Debits and credits of all accounts, by currency and kind, from one snapshot. */
  trialBalance(db: Executor): Promise<TrialBalance>
}

/** The verbs of {@link LedgerReads} on a schema. */
export function readsOf(s: string): LedgerReads {
  const calls = {
    lookup: call(s, 'lookup', 'uuid'),
    balance: call(s, 'balance', 'uuid'),
    trialBalance: call(s, 'trial_balance'),
  }
  const past = historyOf(s)
  function balance(db: Executor, accountId: string): Promise<Balance | null>
  function balance(db: Executor, accountId: string, at: BalanceAtQuery): Promise<BalanceAt | null>
  async function balance(db: Executor, accountId: string, at?: BalanceAtQuery) {
    if (at !== undefined) return past.balanceAt(db, accountId, at)
    return isUuid(accountId) ? read(db, calls.balance, [accountId], decodeBalance) : null
  }
  return {
    async lookup(db, id) {
      return isUuid(id) ? read(db, calls.lookup, [id], decodeLookup) : null
    },
    balance,
    entries: (db, query) => past.entries(db, query),
    statement: (db, query) => past.statement(db, query),
    async trialBalance(db) {
      return read(db, calls.trialBalance, [], decodeTrialBalance)
    },
  }
}
