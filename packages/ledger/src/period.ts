import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import type { Busy, Unknown } from './outcomes.ts'
import type { AccountKind } from './records.ts'
import { shown } from './shown.ts'
import { call } from './sql/call.ts'
import { read, write } from './statement.ts'
import { isTime } from './validate.ts'
import { within } from './within.ts'

const WAIT_MS_MAX = 600_000
const PERIODS_A_PAGE = 100

/** Request of {@link LedgerPeriods.sealPeriod}. */
export interface SealInput {
  /** First instant that is open again; not after PostgreSQL's clock, not before the last seal. */
  readonly until: Date
  /**
   * How long to wait for movements in flight, in milliseconds, 1–600,000; new ones wait meanwhile.
   * A shorter `lock_timeout` of the session counts instead.
   * @defaultValue 5000
   */
  readonly waitMaxMs?: number
}

/** All accounts of a kind in a currency, at the end of a sealed period. */
export interface SealedTotal {
  readonly currency: string
  readonly kind: AccountKind
  /** Everything debited that is effective before the end, since the ledger began. */
  readonly postedDebitsMinor: bigint
  readonly postedCreditsMinor: bigint
}

/** Books that are closed. Nothing can be recorded any more as effective before `until`. */
export interface SealedPeriod {
  readonly until: Date
  readonly sealedAt: Date
  /** In the order of currency and kind. The same for ever, recomputed from the journal or not. */
  readonly totals: readonly SealedTotal[]
}

/**
 * Why a period was not sealed: `until` is no date from 1970 to 9999; it lies in the future; it lies
 * in a period that is sealed.
 */
export type SealRejectionReason = 'until_invalid' | 'period_not_over' | 'period_sealed'

/** Answer of {@link LedgerPeriods.sealPeriod}. */
export type SealResult =
  | { readonly outcome: 'sealed' | 'replayed'; readonly period: SealedPeriod }
  | {
      readonly outcome: 'rejected'
      readonly reason: SealRejectionReason
      readonly detail: {
        /** `until_invalid`. */
        readonly field?: string
        /** `period_not_over`: PostgreSQL's clock. */
        readonly now?: Date
        /** `period_sealed`: where the open books begin. */
        readonly sealedUntil?: Date
      }
    }
  | Busy
  | Unknown

/** A stored total that the journal does not give. */
export interface PeriodFinding {
  readonly finding: 'sealed_totals_mismatch'
  readonly until: Date
  readonly currency: string
  readonly kind: AccountKind
  readonly field: 'postedDebitsMinor' | 'postedCreditsMinor'
  /** What the journal gives. */
  readonly expected: string
  /** What is stored. */
  readonly actual: string
}

/** Answer of {@link LedgerPeriods.verifyPeriods}. */
export interface PeriodVerification {
  readonly clean: boolean
  readonly findings: readonly PeriodFinding[]
  /** How many periods were verified. */
  readonly periods: number
}

/** Closing the books. */
export interface LedgerPeriods {
  /**
   * Closes the books through an instant, for ever: later movements whose `effectiveAt` lies before
   * it are `rejected: period_sealed`, and what was posted as effective before it is summed up and
   * kept. The same instant again is `replayed`.
   *
   * It waits until no movement is in flight, and movements that begin meanwhile wait for it: as long
   * as the longest open transaction that has moved money, at most `waitMaxMs`; then `busy`, and
   * nothing is sealed. Nobody waits while it sums up, which takes time in proportion to the period's
   * rows. If it is cut off before that is done, the books are closed; the same call again finishes.
   *
   * @throws {@link LedgerError} `LEDGER_INVALID_OPTION` inside a transaction, which would keep every
   * movement waiting until it ends.
   */
  sealPeriod(db: Executor, period: SealInput): Promise<SealResult>
  /**
   * Sealed periods, oldest first.
   *
   * @param options - `after`: `until` of the last one already seen; `limit`: 1–100, default 100
   */
  sealedPeriods(
    db: Executor,
    options?: { readonly after?: Date; readonly limit?: number },
  ): Promise<readonly SealedPeriod[]>
  /**
   * Sums up every sealed period from the journal again and compares. One statement a period, which
   * reads the period's rows; best on a replica.
   */
  verifyPeriods(db: Executor): Promise<PeriodVerification>
}

/** The verbs of {@link LedgerPeriods} on a schema. */
export function periodsOf(s: string): LedgerPeriods {
  const calls = {
    book: call(s, 'seal_book', 'timestamptz', 'integer'),
    totals: call(s, 'seal_totals', 'timestamptz'),
    list: call(s, 'list_sealed_periods', 'timestamptz', 'integer'),
    movements: call(s, 'period_movements', 'timestamptz', 'timestamptz'),
  }
  const list = (db: Executor, after: Date | undefined, limit: number) =>
    read(db, calls.list, [after?.toISOString() ?? null, limit], (json) =>
      (json as any[]).map(decodePeriod),
    )
  return {
    async sealPeriod(db, { until, waitMaxMs = 5_000 }) {
      const wait = within('waitMaxMs', waitMaxMs, WAIT_MS_MAX)
      if (!isTime(until)) {
        return { outcome: 'rejected', reason: 'until_invalid', detail: { field: 'until' } }
      }
      if (db.isTransaction) {
        const message = 'seal outside a transaction: every movement would wait until it ends'
        throw new LedgerError('LEDGER_INVALID_OPTION', message)
      }
      const end = until.toISOString()
      const closed = await write(db, end, calls.book, [end, wait], decodeSeal)
      if (closed !== null) return closed
      const sealed = await write(db, end, calls.totals, [end], decodeSeal)
      return sealed as NonNullable<typeof sealed>
    },
    async sealedPeriods(db, { after, limit = PERIODS_A_PAGE } = {}) {
      if (after !== undefined && !isTime(after)) {
        const message = `after must be the date of a period's end: ${shown(after)}`
        throw new LedgerError('LEDGER_INVALID_OPTION', message)
      }
      return list(db, after, within('limit', limit, PERIODS_A_PAGE))
    },
    async verifyPeriods(db) {
      const findings: PeriodFinding[] = []
      const sums = new Map<string, bigint>()
      let periods = 0
      let before: Date | undefined
      for (;;) {
        const page = await list(db, before, PERIODS_A_PAGE)
        for (const period of page) {
          const parameters = [before?.toISOString() ?? null, period.until.toISOString()]
          const moved = await read(db, calls.movements, parameters, (json) =>
            (json as any[]).map(decodeTotal),
          )
          addUp(sums, moved)
          findings.push(...compare(period, sums))
          before = period.until
        }
        periods += page.length
        if (page.length < PERIODS_A_PAGE) break
      }
      return { clean: findings.length === 0, findings, periods }
    },
  }
}

const FIELDS = ['postedDebitsMinor', 'postedCreditsMinor'] as const

const keyOf = (total: SealedTotal, field: (typeof FIELDS)[number]): string =>
  `${total.currency} ${total.kind} ${field}`

function addUp(sums: Map<string, bigint>, totals: readonly SealedTotal[]): void {
  for (const total of totals) {
    for (const field of FIELDS) {
      const key = keyOf(total, field)
      sums.set(key, (sums.get(key) ?? 0n) + total[field])
    }
  }
}

function compare(period: SealedPeriod, sums: ReadonlyMap<string, bigint>): PeriodFinding[] {
  const stored = new Map<string, bigint>()
  addUp(stored, period.totals)
  return [...new Set([...sums.keys(), ...stored.keys()])].toSorted().flatMap((key) => {
    const [expected, actual] = [sums.get(key), stored.get(key)]
    if (expected === actual) return []
    const [currency, kind, field] = key.split(' ') as [string, AccountKind, PeriodFinding['field']]
    const about = { until: period.until, currency, kind, field }
    const values = { expected: String(expected ?? 0n), actual: String(actual ?? 0n) }
    return [{ finding: 'sealed_totals_mismatch', ...about, ...values }]
  })
}

/** Null: the book is closed, and its totals are still to be made. */
function decodeSeal(value: unknown): Exclude<SealResult, Busy | Unknown> | null {
  const json = value as Record<string, any>
  if (json['outcome'] === 'rejected') {
    const { field, now, sealedUntil } = json['detail']
    const detail = {
      ...(field === undefined ? {} : { field }),
      ...(now === undefined ? {} : { now: new Date(now) }),
      ...(sealedUntil === undefined ? {} : { sealedUntil: new Date(sealedUntil) }),
    }
    return { outcome: 'rejected', reason: json['reason'], detail }
  }
  if (json['period'] === undefined) return null
  return { outcome: json['outcome'], period: decodePeriod(json['period']) }
}

const decodePeriod = (json: Record<string, any>): SealedPeriod => ({
  until: new Date(json['until']),
  sealedAt: new Date(json['sealedAt']),
  totals: json['totals'].map(decodeTotal),
})

const decodeTotal = (json: Record<string, any>): SealedTotal => ({
  currency: json['currency'],
  kind: json['kind'],
  postedDebitsMinor: BigInt(json['postedDebitsMinor']),
  postedCreditsMinor: BigInt(json['postedCreditsMinor']),
})
