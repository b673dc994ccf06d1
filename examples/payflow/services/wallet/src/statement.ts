import {
  CURRENCIES,
  SANDBOX_BANK_ID,
  STATEMENT_CSV_LINES_MAX,
  STATEMENT_KINDS,
  type Currency,
  type StatementKind,
  type StatementLine,
  type StatementSummary,
} from '@payflow-app/contracts'
import { problem, validationFailed } from '@payflow-app/service-kit'
import type { Entry, Ledger, Statement } from '@payflow/ledger'
import type { Kysely } from 'kysely'
import { sandboxBankAccountId, walletAccountId } from './account-ids.ts'
import type { WalletDatabase } from './database.ts'
import { toJsonNumber } from './minor-units.ts'
import { findOwners } from './sql/find-owners.ts'
import { readLedger } from './wallet-view.ts'

/** What statements are read from. */
export interface StatementOptions {
  readonly db: Kysely<WalletDatabase>
  readonly ledger: Ledger
}

/** A period of recorded time of a user's wallet; left open: all there is. */
export interface StatementPeriod {
  readonly userId: string
  readonly currency?: Currency
  /** Inclusive; ISO 8601. */
  readonly from?: string | undefined
  /** Exclusive; ISO 8601. */
  readonly to?: string | undefined
}

/** One page of a statement. */
export interface StatementSlice {
  readonly currency: Currency
  readonly opening: number
  readonly summary: StatementSummary | null
  readonly lines: readonly StatementLine[]
  /** Place of the last line, when there is more behind it. */
  readonly next: bigint | null
}

/** Later than anything recorded: an open end needs no clock. */
const OPEN_END = new Date('9999-12-31T00:00:00Z')
const LINES_AT_ONCE = 1_000

/**
 * Reads a page of a wallet's statement, oldest first: what the ledger has, with the balance after
 * each line. A line is never changed and none comes before one that is there, so pages join without
 * a gap however much is written meanwhile.
 *
 * @throws {@link ProblemError} `validation-failed` when the period ends before it begins,
 * `not-found` without a wallet, 503 when the ledger cannot be read now.
 */
export async function readStatement(
  { db, ledger }: StatementOptions,
  period: StatementPeriod,
  page: { readonly limit: number; readonly after?: bigint | undefined },
): Promise<StatementSlice> {
  const { userId, currency = CURRENCIES[0] } = period
  const from = new Date(period.from ?? 0)
  const to = period.to === undefined ? OPEN_END : new Date(period.to)
  if (to < from) {
    const message = 'Must not be before the beginning'
    throw validationFailed([{ in: 'query', pointer: '#/to', message }])
  }
  const accountId = walletAccountId(userId, currency)
  const { limit, after = null } = page
  const statement = await readLedger(() =>
    ledger.statement(db, { accountId, from, to, limit, after }),
  )
  if (!statement) throw problem('not-found', { detail: 'There is no such wallet' })
  const { lines, next, openingMinor } = statement
  const accounts = new Set(lines.map((line) => line.counterpartAccountId))
  const owners = await findOwners(db, [...accounts])
  return {
    currency,
    opening: toJsonNumber(openingMinor),
    summary: summaryOf(statement),
    lines: lines.map((line) => toLine(line, currency, owners)),
    next,
  }
}

/**
 * Reads all lines of a period, as long as there are not too many; how many is known with the first.
 *
 * @throws as {@link readStatement}; {@link ProblemError} `statement-too-long`.
 */
export async function readWholeStatement(
  options: StatementOptions,
  period: StatementPeriod,
): Promise<Omit<StatementSlice, 'next'>> {
  const first = await readStatement(options, period, { limit: LINES_AT_ONCE })
  refuseTooLong(first.summary?.lines ?? 0)
  const lines = [...first.lines]
  for (let { next } = first; next !== null;) {
    const page = await readStatement(options, period, { limit: LINES_AT_ONCE, after: next })
    lines.push(...page.lines)
    // More may have been written since the first page was read.
    refuseTooLong(lines.length)
    next = page.next
  }
  return { ...first, lines }
}

function refuseTooLong(lines: number): void {
  if (lines <= STATEMENT_CSV_LINES_MAX) return
  throw problem('statement-too-long', {
    detail: `A statement has at most ${STATEMENT_CSV_LINES_MAX} lines: take a shorter period`,
  })
}

function summaryOf({ period }: Statement): StatementSummary | null {
  if (!period) return null
  return {
    opening: toJsonNumber(period.openingMinor),
    closing: toJsonNumber(period.closingMinor),
    // A wallet is a liability: what is credited comes in.
    moneyIn: toJsonNumber(period.creditsMinor),
    moneyOut: toJsonNumber(period.debitsMinor),
    lines: toJsonNumber(period.lines),
  }
}

function toLine(
  entry: Entry,
  currency: Currency,
  owners: ReadonlyMap<string, string>,
): StatementLine {
  const kind = kindOf(entry.code)
  const other = entry.counterpartAccountId
  const bank = other === sandboxBankAccountId(currency) ? SANDBOX_BANK_ID : null
  const asked = kind !== 'opening_credit' && kind !== 'other'
  return {
    no: toJsonNumber(entry.seq),
    at: entry.createdAt.toISOString(),
    kind,
    transactionId: asked ? (entry.holdId ?? entry.transferId) : null,
    counterpartyId: owners.get(other) ?? bank,
    amount: toJsonNumber(entry.side === 'credit' ? entry.amountMinor : -entry.amountMinor),
    balance: toJsonNumber(entry.balanceMinor),
  }
}

function kindOf(code: string | null): StatementKind {
  return STATEMENT_KINDS.find((kind) => kind === code) ?? 'other'
}
