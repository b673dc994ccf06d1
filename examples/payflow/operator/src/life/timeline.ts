import type { PaymentFacts } from './facts.ts'
import { amountText } from '../print/amount.ts'

/** One line of a payment's life. */
export interface Moment {
  readonly at: Date
  /** The store that says so. */
  readonly where: string
  readonly what: string
}

/** Everything that happened to a payment, wherever it left a trace, in the order of its times. */
export function timelineOf(facts: PaymentFacts): Moment[] {
  const moments: Moment[] = []
  const add = (at: Date | null | undefined, where: string, what: string): void => {
    if (at) moments.push({ at: new Date(at), where, what })
  }
  const { claim, payment, hold } = facts
  add(claim?.createdAt, 'claim', `asked for under the key ${claim?.key}`)
  add(claim?.refusedAt, 'claim', `refused: ${claim?.refusal?.code}`)
  if (hold && !hold.tombstone) add(hold.createdAt, 'ledger', 'money held')
  if (hold?.state !== 'captured') add(hold?.settledAt, 'ledger', `hold ${hold?.state}`)
  for (const { at, type } of facts.events) {
    const by = payment?.resolvedBy !== null && at.getTime() === payment?.completedAt?.getTime()
    const code = type === 'failed' || type === 'reversed' ? ` (${payment?.failureCode})` : ''
    add(at, 'payment', `${type}${code}${by ? `, by the ${payment?.resolvedBy}` : ''}`)
  }
  for (const { createdAt, settledAt, type, state, attempts } of facts.messages) {
    add(createdAt, 'outbox', `${type} written`)
    add(settledAt, 'outbox', `${type} ${state}${attempts > 1 ? ` at attempt ${attempts}` : ''}`)
  }
  for (const { committedAt, lastFailedAt, consumer, failedAttempts } of facts.deliveries) {
    add(lastFailedAt, 'attempt', `${consumer}: attempt ${failedAttempts} failed`)
    add(committedAt, 'inbox', `committed by ${consumer}`)
  }
  for (const { createdAt, kind, amountMinor, currency } of facts.transfers) {
    const verb = kind === 'reversal' ? 'refunded' : 'moved'
    add(createdAt, 'ledger', `${amountText(amountMinor, currency)} ${verb}`)
  }
  for (const { queue, parkedAt, reason } of facts.parked ?? []) {
    add(parkedAt, 'broker', `parked in ${queue}.parked: ${reason}`)
  }
  for (const { createdAt, readAt, kind, userId } of facts.notifications) {
    add(createdAt, 'notification', `${kind} for ${userId}`)
    add(readAt, 'notification', `${kind} read by ${userId}`)
  }
  for (const { createdAt, settledAt, kind, state, reason } of facts.mails) {
    add(createdAt, 'mail', `${kind} written down`)
    add(settledAt, 'mail', `${kind} ${state}${reason === null ? '' : `: ${reason}`}`)
  }
  for (const { createdAt, id, amountMinor, status } of facts.refunds) {
    const amount = amountText(amountMinor, payment?.currency ?? '')
    add(createdAt, 'payment', `refund of ${amount} asked for: ${id} (${status})`)
  }
  return moments.toSorted((one, other) => one.at.getTime() - other.at.getTime())
}
