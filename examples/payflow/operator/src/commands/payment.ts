import { CommandError, exitCodes } from '../exit-codes.ts'
import type { PaymentFacts } from '../life/facts.ts'
import { findPayments } from '../life/find-payment.ts'
import { readLife } from '../life/read-life.ts'
import { timelineOf } from '../life/timeline.ts'
import { verdictOf, type Verdict } from '../life/verdict.ts'
import { amountText } from '../print/amount.ts'
import { durationText } from '../print/duration.ts'
import type { Printer } from '../print/printer.ts'
import type { CommandContext } from './context.ts'

/** `payflow payment <id>`: the life of one payment across every service, and what to think of it. */
export async function payment({ stores, print }: CommandContext, text: string): Promise<number> {
  const found = await findPayments(stores.books.book('transaction'), text)
  const [one] = found
  if (one === undefined) {
    throw new CommandError(
      exitCodes.absent,
      `no payment has the id, the key or a message ${JSON.stringify(text)}. ` +
        'A message that was sent is known by its id for a day',
    )
  }
  const ids = [...new Set(found.map(({ paymentId }) => paymentId))]
  if (ids.length > 1) {
    throw new CommandError(
      exitCodes.usage,
      `several users have that key; say which payment: ${ids.join(', ')}`,
    )
  }
  const facts = await readLife(stores, one.paymentId)
  const verdict = verdictOf(facts)
  if (print.json) print.value({ verdict, ...facts, timeline: timelineOf(facts) })
  else show(print, facts, verdict)
  return verdict.state === 'contradiction' ? exitCodes.unsound : exitCodes.ok
}

function show(print: Printer, facts: PaymentFacts, verdict: Verdict): void {
  const { payment: row, paymentId, parked } = facts
  print.line(print.bold(`payment ${paymentId}`))
  if (row) {
    const { kind, amountMinor, currency, fromUserId, toUserId, status, refundOf } = row
    print.line(`${kind} of ${amountText(amountMinor, currency)}, ${status}`)
    print.line(`from ${fromUserId} to ${toUserId}${refundOf ? `, a refund of ${refundOf}` : ''}`)
  }
  print.line()
  let before: Date | undefined
  const rows = timelineOf(facts).map(({ at, where, what }) => {
    const sinceMs = before === undefined ? 0 : at.getTime() - before.getTime()
    before = at
    return { time: at.toISOString(), after: `+${durationText(sinceMs)}`, where, what }
  })
  print.table(rows)
  print.line()
  if (parked === undefined) {
    print.line(print.warn('The broker was not reached: whether a message is parked is not known.'))
  }
  const colour = {
    ended: print.good,
    'on-its-way': print.warn,
    'needs-you': print.bad,
    contradiction: print.bad,
  }[verdict.state]
  print.line(colour(verdict.sentence))
  if (verdict.next !== undefined) print.line(`next: ${verdict.next}`)
}
