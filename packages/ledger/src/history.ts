import { decodeBalanceAt, decodeEntries, decodeStatement } from './decode.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import type { BalanceAt, BalanceAxis, EntryPage, Statement } from './records.ts'
import { shown } from './shown.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { isUuid } from './validate.ts'
import { oneOf, within } from './within.ts'

const LINES_MAX = 1_000
const ORDERS = [undefined, 'oldest_first', 'newest_first'] as const
const YEAR_10000 = Date.UTC(10_000, 0)

/** Instant and axis of {@link LedgerReads.balance}. */
export interface BalanceAtQuery {
  /** Rows up to and including this instant count; from 1970, before the year 10000. */
  readonly asOf: Date
  /**
   * `recorded`: what the ledger knew by then. `effective`: what counts by then, whenever it was
   * recorded.
   * @defaultValue `'recorded'`
   */
  readonly axis?: BalanceAxis
}

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

/** Request of {@link LedgerReads.statement}. */
export interface StatementQuery {
  readonly accountId: string
  /** Beginning of the period, inclusive, of recorded time; from 1970. */
  readonly from: Date
  /** End of the period, exclusive; not before `from`, before the year 10000. */
  readonly to: Date
  /** `next` of the page before; left out for the first. */
  readonly after?: bigint | null
  /** Lines a page, 1 … 1,000. */
  readonly limit: number
}

/** The reads of {@link LedgerReads} that look at an account's past. */
export interface History {
  balanceAt(db: Executor, accountId: string, query: BalanceAtQuery): Promise<BalanceAt | null>
  entries(db: Executor, query: EntriesQuery): Promise<EntryPage>
  statement(db: Executor, query: StatementQuery): Promise<Statement | null>
}

export function historyOf(s: string): History {
  const period = ['timestamptz', 'timestamptz'] as const
  const calls = {
    balanceAt: call(s, 'balance_at', 'uuid', 'timestamptz', 'boolean'),
    entries: call(s, 'entries', 'uuid', 'bigint', 'integer', 'boolean'),
    statement: call(s, 'account_statement', 'uuid', ...period, 'bigint', 'integer'),
  }
  return {
    balanceAt: (db, accountId, query) => readBalanceAt(db, calls.balanceAt, accountId, query),
    entries: (db, query) => readEntries(db, calls.entries, query),
    statement: (db, query) => readStatement(db, calls.statement, query),
  }
}

async function readBalanceAt(
  db: Executor,
  statement: string,
  accountId: string,
  query: BalanceAtQuery,
): Promise<BalanceAt | null> {
  const { asOf, axis = 'recorded' } = query
  const parameters = [accountId, instant('asOf', asOf), axis === 'effective']
  if (axis !== 'effective' && axis !== 'recorded') {
    throw invalid(`axis must be 'recorded' or 'effective': ${shown(axis)}`)
  }
  if (!isUuid(accountId)) return null
  return read(db, statement, parameters, (json) =>
    decodeBalanceAt(json, { asOf: new Date(asOf), axis }),
  )
}

async function readEntries(
  db: Executor,
  statement: string,
  query: EntriesQuery,
): Promise<EntryPage> {
  const limit = within('limit', query.limit, LINES_MAX)
  const after = position(query.after)
  const order = oneOf('order', query.order, ORDERS)
  if (!isUuid(query.accountId)) return { entries: [], next: null }
  const newestFirst = order === 'newest_first'
  // One row more than asked for tells whether there is a next page.
  const parameters = [query.accountId, after, limit + 1, newestFirst]
  const found = await read(db, statement, parameters, decodeEntries)
  const entries = found.slice(0, limit)
  return { entries, next: found.length > limit ? (entries.at(-1)?.seq ?? null) : null }
}

async function readStatement(
  db: Executor,
  statement: string,
  query: StatementQuery,
): Promise<Statement | null> {
  const limit = within('limit', query.limit, LINES_MAX)
  const { accountId, from, to } = query
  const period = [instant('from', from), instant('to', to)]
  if (to < from) throw invalid('to must not be before from')
  const parameters = [accountId, ...period, position(query.after), limit + 1]
  if (!isUuid(accountId)) return null
  return read(db, statement, parameters, (json) =>
    decodeStatement(json, { from: new Date(from), to: new Date(to) }, limit),
  )
}

function instant(name: string, date: unknown): string {
  const ms = date instanceof Date ? date.getTime() : Number.NaN
  if (ms >= 0 && ms < YEAR_10000) return new Date(ms).toISOString()
  throw invalid(`${name} must be a Date from 1970, before the year 10000`)
}

function position(after: unknown): bigint | null {
  if (after === undefined || after === null) return null
  if (typeof after === 'bigint' && BigInt.asIntN(64, after) === after) return after
  throw invalid('after must be the bigint that a page gave as next')
}

const invalid = (message: string): LedgerError => new LedgerError('LEDGER_INVALID_OPTION', message)
