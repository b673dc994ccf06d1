import { isPaymentHistory } from '@payflow-app/contracts'
import type { PaymentFacts } from './facts.ts'

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
  if (claim?.refusal) {
    const sentence = `Refused: ${claim.refusal.code}. No payment was made and no money is held.`
    return { state: 'ended', sentence }
  }
  return {
    state: 'on-its-way',
    sentence:
      'Asked for, and neither accepted nor refused yet: its request is in progress or was cut off. ' +
      'What is held frees itself.',
    next: 'look again in a minute; the same request with the same key decides it',
  }
}

function contradictionIn(facts: PaymentFacts): string | undefined {
  const { payment, transfers, hold, claim, events } = facts
  if (transfers.length > 1) return `The money moved ${transfers.length} times.`
  if (!payment) return transfers.length > 0 ? 'Money moved, and there is no payment.' : undefined
  if (claim?.refusal) return 'It was refused, and there is a payment.'
  const { status } = payment
  if (status === 'COMPLETED' && transfers.length === 0) return 'COMPLETED, and no money moved.'
  if (status === 'FAILED' && transfers.length > 0) return 'FAILED, and the money moved.'
  if (status !== 'PENDING' && hold?.state === 'open') return `${status}, and its money is held.`
  const types = events.map(({ type }) => type)
  if (isPaymentHistory(status, types)) return undefined
  return `It is ${status}, and its events are: ${types.join(', ') || 'none'}.`
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

function pendingVerdict({ payment, parked, deliveries, messages }: PaymentFacts): Verdict {
  const waits = 'PENDING: '
  const stuck = parked?.[0]
  if (stuck) {
    return {
      state: 'needs-you',
      sentence: `${waits}its message is parked (${stuck.reason}). The reversal ends it in time.`,
      next: `payflow redrive ${stuck.messageId} --because '…'`,
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
