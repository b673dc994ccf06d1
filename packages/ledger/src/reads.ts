import { decodeBalance, decodeEntries, decodeLookup, decodeTrialBalance } from './decode.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import type { Balance, EntryPage, Lookup, TrialBalance } from './records.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { isUuid } from './validate.ts'
import { within } from './within.ts'

const ENTRIES_MAX = 1_000

/** Request of {@link LedgerReads.entries}. */
export interface EntriesQuery {
  readonly accountId: string
  /** `seq` of the last entry seen (the `next` of a page). */
  readonly after?: bigint | null
  /** 1 … 1,000. */
  readonly limit: number
  /** @defaultValue `'oldest_first'` */
  readonly order?: 'oldest_first' | 'newest_first'
}

/** Reads: no lock, one snapshot each. */
export interface LedgerReads {
  /** What an id names, or null. A read: only `capture` and `release` decide. */
  lookup(db: Executor, id: string): Promise<Lookup | null>
  /** The balance of an account now, from one snapshot, or null when there is no such account. */
  balance(db: Executor, accountId: string): Promise<Balance | null>
  /** A page of an account's journal, by its own gap-free sequence. */
  entries(db: Executor, query: EntriesQuery): Promise<EntryPage>
  /** Debits and credits of all accounts, by currency and kind, from one snapshot. */
  trialBalance(db: Executor): Promise<TrialBalance>
}

/** The verbs of {@link LedgerReads} on a schema. */
export function readsOf(s: string): LedgerReads {
  const calls = {
    lookup: call(s, 'lookup', 'uuid'),
    balance: call(s, 'balance', 'uuid'),
    entries: call(s, 'entries', 'uuid', 'bigint', 'integer', 'boolean'),
    trialBalance: call(s, 'trial_balance'),
  }
  return {
    async lookup(db, id) {
      return isUuid(id) ? read(db, calls.lookup, [id], decodeLookup) : null
    },
    async balance(db, accountId) {
      return isUuid(accountId) ? read(db, calls.balance, [accountId], decodeBalance) : null
    },
    entries: (db, query) => readEntries(db, calls.entries, query),
    async trialBalance(db) {
      return read(db, calls.trialBalance, [], decodeTrialBalance)
    },
  }
}

async function readEntries(
  db: Executor,
  statement: string,
  query: EntriesQuery,
): Promise<EntryPage> {
  const limit = within('limit', query.limit, ENTRIES_MAX)
  const after = query.after ?? null
  if (after !== null && typeof after !== 'bigint') {
    throw new LedgerError('LEDGER_INVALID_OPTION', 'after must be the bigint seq of an entry')
  }
  if (!isUuid(query.accountId)) return { entries: [], next: null }
  const newestFirst = query.order === 'newest_first'
  // One row more than asked for tells whether there is a next page.
  const parameters = [query.accountId, after, limit + 1, newestFirst]
  const found = await read(db, statement, parameters, decodeEntries)
  const entries = found.slice(0, limit)
  return { entries, next: found.length > limit ? (entries.at(-1)?.seq ?? null) : null }
}
