import { isPaymentHistory } from '@payflow-app/contracts'
import { faultsOf, REQUEST_MAX_MS, STALE_AFTER_MS, type PaymentFault } from '../books/judge.ts'
import type { PaymentFact, PaymentFacts } from './facts.ts'

/** What is to be thought of a payment, in a sentence. */
export interface Verdict {
  /**
   * `ended`: as it should. `on-its-way`: wait. `needs-you`: it will not go on by itself.
   * `contradiction`: two stores say what cannot both be true.
   */
  readonly state: 'ended' | 'on-its-way' | 'needs-you' | 'contradiction'
  readonly sentence: string
  /** The command or the place to go to next. */
  readonly next?: string
}

/** Judges a payment by what the stores say. */
export function verdictOf(facts: PaymentFacts): Verdict {
  const { payment, claim } = facts
  const contradiction = contradictionIn(facts)
  if (contradiction !== undefined) {
    const next = 'stop what writes, keep everything as it is, and run: payflow verify'
    return { state: 'contradiction', sentence: contradiction, next }
  }
  if (payment) return payment.status === 'PENDING' ? pendingVerdict(facts) : endedVerdict(facts)
  if (claim?.refusal) return refusedVerdict(claim.refusal.code, facts)
  return {
    state: 'on-its-way',
    sentence:
      'Asked for, and neither accepted nor refused yet: its request is in progress or was cut off. ' +
      'What is held frees itself.',
    next: 'look again in a minute; the same request with the same key decides it',
  }
}

function contradictionIn(facts: PaymentFacts): string | undefined {
  const { payment, transfers, claim, events } = facts
  if (!payment) {
    return transfers.length > 0 ? 'Money moved, and there is no payment.' : heldForNothing(facts)
  }
  if (claim?.refusal) return 'It was refused, and there is a payment.'
  const { status } = payment
  for (const { fault, detail } of faultsIn(facts, payment)) {
    if (fault === 'completed_without_posting') return 'COMPLETED, and no money moved.'
    if (fault === 'failed_with_posting') return 'FAILED, and the money moved.'
    if (fault === 'posted_twice') return `The money moved ${facts.posted?.times} times.`
    if (fault === 'posted_otherwise') return `The journal says otherwise: ${detail}.`
    if (fault === 'held_though_settled') return `${status}, and its money is held.`
    if (fault === 'refunded_twice') return 'More of it was refunded than was paid.'
  }
  const types = events.map(({ type }) => type)
  if (isPaymentHistory(status, types)) return undefined
  return `It is ${status}, and its events are: ${types.join(', ') || 'none'}.`
}

/** What \`payflow verify\` finds of this payment, by the same judge. */
function faultsIn(facts: PaymentFacts, payment: PaymentFact): readonly PaymentFault[] {
  const { readAt, refunds, posted, hold } = facts
  const refunded = refunds
    .filter(({ status }) => status === 'COMPLETED')
    .reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n)
  const judged = {
    ...payment,
    isStale: payment.status === 'PENDING' && msSince(readAt, sentAt(payment)) > STALE_AFTER_MS,
    isOverRefunded: refunded > BigInt(payment.amountMinor),
  }
  return faultsOf(judged, { posted, isHeld: hold?.state === 'open' })
}

/** Money without a payment that nothing frees any more. Until then its request may yet decide. */
function heldForNothing({ claim, hold, readAt }: PaymentFacts): string | undefined {
  if (!claim || !hold?.isHeld || msSince(readAt, hold.createdAt) <= REQUEST_MAX_MS) return undefined
  if (!claim.refusedAt) {
    return hold.expiresAt === null
      ? 'Its money is held for ever, and there is no payment.'
      : undefined
  }
  if (msSince(readAt, claim.refusedAt) <= REQUEST_MAX_MS) return undefined
  return 'It was refused, and its money is held.'
}

function refusedVerdict(code: string, { hold }: PaymentFacts): Verdict {
  const sentence = `Refused: ${code}. No payment was made`
  if (!hold?.isHeld) return { state: 'ended', sentence: `${sentence} and no money is held.` }
  return {
    state: 'on-its-way',
    sentence: `${sentence}. Money is held yet: a twin of the request is about to free it.`,
    next: 'look again in two minutes',
  }
}

function sentAt({ dispatchedAt, createdAt }: PaymentFact): Date {
  return dispatchedAt ?? createdAt
}

function msSince(now: Date, then: Date): number {
  return now.getTime() - then.getTime()
}

function endedVerdict({ payment, parked, mails }: PaymentFacts): Verdict {
  const isCompleted = payment?.status === 'COMPLETED'
  const sentence = isCompleted
    ? 'Completed: the money moved, once.'
    : `Failed (${payment?.failureCode}): no money moved, and none is held.`
  const untold = parked?.[0]
  if (untold) {
    return {
      state: 'needs-you',
      sentence: `${sentence} A message about it is parked in ${untold.queue}: ${untold.reason}.`,
      next: `payflow redrive ${untold.messageId} --because '…'`,
    }
  }
  const unsent = mails.find(({ state }) => state === 'failed' || state === 'unknown')
  const mail = unsent ? ` A mail about it was given up: ${unsent.reason}.` : ''
  return { state: 'ended', sentence: sentence + mail }
}

function pendingVerdict(facts: PaymentFacts): Verdict {
  const { payment, parked, deliveries, messages } = facts
  const waits = 'PENDING: '
  const stuck = parked?.[0]
  if (stuck) {
    return {
      state: 'needs-you',
      sentence: `${waits}its message is parked (${stuck.reason}). The reversal ends it in time.`,
      next: `payflow redrive ${stuck.messageId} --because '…'`,
    }
  }
  if (payment && faultsIn(facts, payment).some(({ fault }) => fault === 'stale')) {
    return {
      state: 'needs-you',
      sentence: `${waits}for longer than the reversal leaves any payment.`,
      next: 'look whether the reversal runs, and what it logs of this payment',
    }
  }
  if (!payment?.dispatchedAt) {
    const refused = messages.find(({ lastError }) => lastError !== null)
    const why = refused ? ` Its last error: ${firstLine(refused.lastError)}` : ''
    return {
      state: 'on-its-way',
      sentence: `${waits}the broker has not confirmed its message. Reversed after a minute.${why}`,
      next: 'payflow queue depth',
    }
  }
  const failing = deliveries.find(({ failedAttempts }) => failedAttempts > 0)
  const tried = failing
    ? `tried ${failing.failedAttempts} times, and tried again. ${firstLine(failing.lastError)}`
    : 'in the queue, or in hand of a worker.'
  return {
    state: 'on-its-way',
    sentence: `${waits}${tried} Reversed a quarter of an hour after it was sent.`,
    next: 'payflow queue depth',
  }
}

function firstLine(text: string | null): string {
  return (text ?? '').split('\n')[0]?.slice(0, 200) ?? ''
}
