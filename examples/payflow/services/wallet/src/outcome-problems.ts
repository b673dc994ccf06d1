import type { ProblemCode } from '@payflow-app/contracts'
import { problem, unavailable } from '@payflow-app/service-kit'
import type { Busy, Conflict, Rejected, RejectionReason, Unknown } from '@payflow/ledger'

/** The two parties of a payment, as accounts of the ledger. */
export interface Parties {
  readonly debitAccountId: string
  readonly creditAccountId: string
}

interface Answer {
  readonly code: ProblemCode
  readonly detail: string
}

const malformed: Answer = { code: 'validation-failed', detail: 'The ledger refused the request' }
const recipientUnavailable: Answer = {
  code: 'recipient-unavailable',
  detail: 'The recipient cannot receive this payment',
}
const senderUnavailable: Answer = {
  code: 'sender-unavailable',
  detail: 'The sender has no wallet in this currency',
}
const otherContents: Answer = {
  code: 'transfer-conflict',
  detail: 'The transfer id was used with other contents',
}

/**
 * What a refusal of the ledger is over HTTP: all of them, in one place. Nothing of an account is
 * told, its balance least of all.
 */
const answers: Readonly<Record<RejectionReason, Answer>> = {
  id_invalid: malformed,
  kind_invalid: malformed,
  amount_invalid: malformed,
  currency_invalid: malformed,
  code_invalid: malformed,
  metadata_invalid: malformed,
  metadata_too_large: malformed,
  effective_at_invalid: malformed,
  expiry_invalid: malformed,
  limits_invalid: malformed,
  shards_invalid: malformed,
  legs_invalid: malformed,
  currency_unknown: malformed,
  period_sealed: malformed,
  same_account: { code: 'self-transfer', detail: 'Sender and recipient are the same' },
  hold_not_found: { code: 'hold-unknown', detail: 'No money was reserved under this id' },
  hold_released: { code: 'hold-released', detail: 'The reserved money was released' },
  hold_expired: { code: 'hold-expired', detail: 'The reservation has expired' },
  already_captured: otherContents,
  exceeds_hold: otherContents,
  transfer_not_found: otherContents,
  not_reversible: otherContents,
  exceeds_original: {
    code: 'refund-exceeds-payment',
    detail: 'Less than that is left of the payment to refund',
  },
  previously_rejected: otherContents,
  holds_open: otherContents,
  balance_not_zero: otherContents,
  account_not_found: recipientUnavailable,
  account_closed: recipientUnavailable,
  account_frozen: recipientUnavailable,
  currency_mismatch: recipientUnavailable,
  overflow: recipientUnavailable,
  limit_exceeded: recipientUnavailable,
  insufficient_funds: {
    code: 'insufficient-funds',
    detail: 'The available balance is smaller than the amount',
  },
}

const accountReasons = new Set<RejectionReason>([
  'account_not_found',
  'account_closed',
  'account_frozen',
  'currency_mismatch',
])

/** Turns whatever the ledger answered instead of success into the problem to be thrown. */
export function outcomeProblem(
  answer: Rejected | Conflict<unknown> | Busy | Unknown,
  parties?: Parties,
): Error {
  switch (answer.outcome) {
    case 'rejected': {
      const aboutSender =
        accountReasons.has(answer.reason) && answer.detail?.accountId === parties?.debitAccountId
      const { code, detail } = aboutSender ? senderUnavailable : answers[answer.reason]
      return problem(code, { detail })
    }
    case 'conflict':
      return problem(otherContents.code, {
        detail: `The transfer id was used with another ${answer.differs.join(', ')}`,
      })
    case 'busy':
      return unavailable(`The ledger is busy (${answer.cause})`, undefined, seconds(answer))
    case 'unknown':
      return unavailable('The answer of the ledger was lost', undefined, seconds(answer))
  }
}

/** `Retry-After` counts whole seconds. */
function seconds({ retryAfterMs }: { retryAfterMs: number }): number {
  return Math.max(1, Math.ceil(retryAfterMs / 1_000))
}
