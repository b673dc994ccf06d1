import { auditBooks, type BookAudit, type BookFault } from '../books/index.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Printer } from '../print/printer.ts'
import type { CommandContext } from './context.ts'

/** What is true when a check finds nothing, and which faults it looks for. */
const checks: readonly (readonly [string, readonly BookFault[]])[] = [
  ['debits and credits are equal', ['unbalanced']],
  ['the ledger is what was written: chains, balances, holds, guards', ['ledger']],
  ['what is COMPLETED was posted, once', ['completed_without_posting', 'posted_twice']],
  ['what was posted is what was asked for: how much, between whom', ['posted_otherwise']],
  ['what is FAILED moved nothing', ['failed_with_posting']],
  ['what has ended holds nothing', ['held_though_settled']],
  [
    'no money moved or is held without a payment',
    ['posted_without_payment', 'held_without_payment'],
  ],
  ['no more was refunded than was paid', ['refunded_twice']],
  ['the events of each payment are a possible life', ['impossible_history']],
  ['the tally behind the metrics is right', ['miscounted']],
  ['nothing is PENDING for too long', ['stale']],
]

/** Of each kind of fault so many are shown to a person. */
const SHOWN_MAX = 10

/** `payflow verify`: whether the books of all services agree with each other and with themselves. */
export async function verify({ stores, print, signal }: CommandContext): Promise<number> {
  const startedAt = performance.now()
  const audit = await auditBooks(stores.books, {
    onProgress: (what) => print.progress(`… ${what}`),
    signal,
  })
  const durationMs = Math.round(performance.now() - startedAt)
  if (print.json) print.value({ ...audit, durationMs })
  else show(print, audit, durationMs)
  return audit.sound ? exitCodes.ok : exitCodes.unsound
}

function show(print: Printer, audit: BookAudit, durationMs: number): void {
  for (const [claim, kinds] of checks) {
    const faults = kinds.flatMap((kind) =>
      audit.faults[kind].count === 0 ? [] : [{ kind, ...audit.faults[kind] }],
    )
    print.line(faults.length === 0 ? `${print.good('✓')} ${claim}` : `${print.bad('✗')} ${claim}`)
    for (const { kind, count, listed } of faults) {
      print.line(print.bad(`    ${count} × ${kind.replaceAll('_', ' ')}`))
      for (const subject of listed.slice(0, SHOWN_MAX)) print.line(`      ${subject}`)
      if (count > SHOWN_MAX) print.line(print.dim('      … all of them: payflow verify --json'))
    }
  }
  const { payments, completed, failed, pending, transfers, cutOff } = audit
  print.line()
  print.line(
    `${payments} payments: ${completed} completed, ${failed} failed, ${pending} pending; ` +
      `${transfers} rows of the journal; ${durationMs} ms`,
  )
  if (cutOff > 0) {
    print.line(print.dim(`requests cut off, undecided, whose money frees itself: ${cutOff}`))
  }
  if (audit.sound) print.line(print.good('The books are sound.'))
  else print.line(print.bad('The books are NOT sound. Look at one: payflow payment <id>'))
}
