import { createLedger } from '@payflow/ledger'
import type { Books } from './index.ts'
import { comparePayments, type Compared } from './compare.ts'
import { judgeHistories } from './histories.ts'
import { findOrphans } from './orphans.ts'
import type { PageOptions } from './pages.ts'
import { miscountedEvents } from './tally.ts'

/**
 * What an audit can find.
 *
 * - `unbalanced`: debits and credits of a currency differ; money was made or lost.
 * - `ledger`: a finding of the ledger's own verification: chains, balances, holds, guards.
 * - `completed_without_posting`, `failed_with_posting`, `posted_twice`: row and journal disagree.
 * - `posted_otherwise`: the journal moved another amount, between others, or gave back another
 *   payment than the row says.
 * - `held_though_settled`: the payment has ended and its money is still held.
 * - `posted_without_payment`: money moved under an id that no payment has.
 * - `held_without_payment`: money is held under such an id, for longer than a request takes; and its
 *   request was refused, or nobody has asked, or it would be held for ever.
 * - `refunded_twice`: more was refunded than was paid.
 * - `impossible_history`: the events of a payment are no possible life, or not that of its row.
 * - `miscounted`: the tally behind the metrics counts another number of events than there are.
 * - `stale`: PENDING for longer than the reversal leaves any payment.
 */
export type BookFault =
  | 'unbalanced'
  | 'ledger'
  | 'completed_without_posting'
  | 'failed_with_posting'
  | 'posted_twice'
  | 'posted_otherwise'
  | 'held_though_settled'
  | 'posted_without_payment'
  | 'held_without_payment'
  | 'refunded_twice'
  | 'impossible_history'
  | 'miscounted'
  | 'stale'

/** Options of {@link auditBooks}. */
export interface AuditOptions extends PageOptions {
  /** Faults listed of each kind; all are counted. @defaultValue `100` */
  readonly listMax?: number
  /**
   * A request holds the money before it writes the payment. What is held for longer than this,
   * milliseconds, no request is about to write any more. 0 where no request is under way.
   * @defaultValue `120_000`
   */
  readonly requestMaxMs?: number
  /** PENDING for longer than this is stale, milliseconds. @defaultValue `1_200_000` */
  readonly staleAfterMs?: number
  /** Called now and then with what is being done. */
  readonly onProgress?: (what: string) => void
}

/** What was found of one kind. */
export interface FaultsFound {
  readonly count: number
  /** Ids, or what is said of them; the first ones only. */
  readonly listed: readonly string[]
}

/** What is true of all payments together. */
export interface BookAudit {
  readonly payments: number
  readonly pending: number
  readonly completed: number
  readonly failed: number
  /** Debits less credits over all accounts and currencies. */
  readonly imbalanceMinor: bigint
  /**
   * Requests that were cut off after money was held for them: neither accepted nor refused. No
   * fault: the same request with the same key decides it, or the hold expires.
   */
  readonly cutOff: number
  /** Rows of the journal that were verified. */
  readonly transfers: bigint
  readonly faults: Readonly<Record<BookFault, FaultsFound>>
  /** Whether there is none. */
  readonly sound: boolean
}

/**
 * Audits everything: the ledger by itself, each payment against the ledger and its own events, and
 * the ledger against the payments. While payments are made it finds no more than when they rest:
 * each store is read in the order in which it is written last.
 *
 * Reads page by page and lists no more than `listMax` of each kind, so that neither its memory nor
 * the time of a statement depends on how much there is. Two sums stay whole, one statement each
 * that answers with a row for each currency or kind of event: the trial balance over all accounts,
 * and over all payments what the tally is held against. Their time grows with the books.
 *
 * @throws PostgreSQL's error, or the reason of `signal`.
 */
export async function auditBooks(books: Books, options: AuditOptions = {}): Promise<BookAudit> {
  const { listMax = 100, onProgress = () => undefined } = options
  const found = collector(listMax)
  const ledger = await verifyLedger(books, options, found.add)
  const compared: Compared = await comparePayments(books, options, found.add)
  const { cutOff } = await findOrphans(books, options, found.add)
  await judgeHistories(books, options, found.add)
  onProgress('adding up the tally')
  for (const event of await miscountedEvents(books.book('transaction'))) {
    found.add('miscounted', event)
  }
  const faults = found.all()
  const sound = Object.values(faults).every(({ count }) => count === 0)
  return { ...compared, ...ledger, cutOff, faults, sound }
}

/** Takes a fault. */
export type AddFault = (fault: BookFault, subject: string) => void

function collector(listMax: number) {
  const kinds: readonly BookFault[] = [
    'unbalanced',
    'ledger',
    'completed_without_posting',
    'failed_with_posting',
    'posted_twice',
    'posted_otherwise',
    'held_though_settled',
    'posted_without_payment',
    'held_without_payment',
    'refunded_twice',
    'impossible_history',
    'miscounted',
    'stale',
  ]
  const found = new Map(kinds.map((kind) => [kind, { count: 0, listed: [] as string[] }]))
  const add: AddFault = (fault, subject) => {
    const faults = found.get(fault)
    if (faults === undefined) throw new TypeError(`there is no fault ${fault}`)
    faults.count += 1
    if (faults.listed.length < listMax) faults.listed.push(subject)
  }
  return {
    add,
    all: () => Object.fromEntries(found) as unknown as Record<BookFault, FaultsFound>,
  }
}

/** The most that the ledger lists; all are counted. */
const LEDGER_FINDINGS_MAX = 10_000

async function verifyLedger(
  books: Books,
  { listMax = 100, onProgress = () => undefined, signal }: AuditOptions,
  add: AddFault,
): Promise<Pick<BookAudit, 'imbalanceMinor' | 'transfers'>> {
  const ledger = createLedger()
  const db = books.book('wallet')
  onProgress('adding up the ledger')
  const trial = await ledger.trialBalance(db)
  for (const { currency, differenceMinor } of trial.totals) {
    if (differenceMinor !== 0n) add('unbalanced', `${currency}: ${differenceMinor}`)
  }
  const { findings, found, checked, complete } = await ledger.verify(db, {
    findingsMax: Math.min(listMax, LEDGER_FINDINGS_MAX),
    ...(signal && { signal }),
    onProgress: ({ checked: { accounts, transfers } }) =>
      onProgress(`verifying the ledger: ${accounts} accounts, ${transfers} rows of the journal`),
  })
  for (const one of findings) {
    const { finding, subject, field, expected, actual } = one
    add('ledger', `${finding} ${subject} ${field}: ${actual ?? 'nothing'}, not ${expected ?? 'it'}`)
  }
  for (let unlisted = findings.length; unlisted < found; unlisted += 1) add('ledger', 'not listed')
  if (!complete) signal?.throwIfAborted()
  const imbalanceMinor = trial.totals.reduce((sum, total) => sum + total.differenceMinor, 0n)
  return { imbalanceMinor, transfers: checked.transfers }
}
