import type { FailureCode } from '@payflow-app/contracts'
import { UpstreamError } from '@payflow-app/service-kit'
import { deadLetter, retryAfter } from '@payflow/queue'
import type { Payment, Settlement } from './payment.ts'
import { releaseHold } from './release-hold.ts'
import type { WalletClient } from './wallet-client.ts'

/** Answers of wallet-service by which a payment fails, and the code it fails with. */
const refusals: Readonly<Record<string, FailureCode>> = {
  'insufficient-funds': 'insufficient_funds',
  'sender-unavailable': 'sender_unavailable',
  'recipient-unavailable': 'recipient_unavailable',
  'hold-released': 'hold_released',
  'hold-expired': 'hold_expired',
  'hold-unknown': 'hold_unknown',
  'refund-exceeds-payment': 'refund_exceeds_payment',
}

/**
 * The code that a refused payment fails with. Of a refund nothing was ever held: if its id is
 * released, then by whoever sealed its refusal before and did not come to write down why.
 */
function failureCodeOf({ kind }: Payment, code: string): FailureCode | undefined {
  if (kind === 'refund' && code === 'hold-released') return 'refund_refused'
  return Object.hasOwn(refusals, code) ? refusals[code] : undefined
}

/** Answers that no repetition changes: our own mistake, for people to look at. */
const contradictions: readonly string[] = [
  'transfer-conflict',
  'self-transfer',
  'validation-failed',
]

/**
 * Lets the ledger decide how the payment ends. Asked again, by a redelivery or after a crash, it
 * decides the same: everything goes by the payment's id. Only why a refund was refused it tells once.
 *
 * A refusal is sealed before it is believed: the id is released, so that it can never post later
 * and what was held is available at once. Should the release find the money posted, then that is
 * how the payment ended.
 *
 * @throws whatever makes the queue try again, or park the message when trying again is no use.
 */
export async function decidePayment(
  wallet: WalletClient,
  payment: Payment,
  signal: AbortSignal,
): Promise<Settlement> {
  const answer = await wallet.post(payment, signal)
  if (answer.outcome === 'ok') return { status: 'COMPLETED' }
  const failureCode = failureCodeOf(payment, answer.code)
  if (failureCode !== undefined) {
    const state = await releaseHold(wallet, payment.paymentId, signal)
    return state === 'posted' ? { status: 'COMPLETED' } : { status: 'FAILED', failureCode }
  }
  const failure = new UpstreamError(
    'UPSTREAM_INVALID',
    'wallet-service',
    `transfer answered ${answer.status} ${answer.code}`.trimEnd(),
  )
  if (contradictions.includes(answer.code)) throw deadLetter(answer.code, failure)
  if (answer.retryAfterMs !== undefined) throw retryAfter(answer.retryAfterMs, failure)
  throw failure
}
