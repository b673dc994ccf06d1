import { REFUND_ATTEMPTS_MAX, REFUNDS_MAX } from '@payflow-app/contracts'
import type { Kysely } from 'kysely'
import { refuseAboveLimit, type AmountLimits } from './amount-limits.ts'
import type { Refusal, TransactionDatabase } from './database.ts'
import type { PaymentRequest, RefundOfPayment } from './payment-request.ts'
import { countRefunds } from './sql/count-refunds.ts'
import { findPayment } from './sql/find-payment.ts'
import type { WalletClient } from './wallet-client.ts'

/** What {@link reserve} works with. */
export interface ReserveOptions {
  readonly db: Kysely<TransactionDatabase>
  readonly wallet: WalletClient
  readonly holdExpiresMs: number
  readonly limits: AmountLimits
}

/** Whether the request can be accepted as things are, and how much it moves. */
export type Reservation =
  | { readonly outcome: 'reserved'; readonly amount: number }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }

/**
 * Reserves the money under the payment's id, or says why not. Safe to repeat.
 *
 * Of a refund nothing is reserved. What is looked at is how many refunds there are, which bounds
 * what everybody reads who looks at the payment, and what can only grow, those that have been
 * completed: an amount that is refused now would be refused for ever. Everything else, other refunds
 * at the same moment and the money of who refunds, the ledger decides.
 */
export async function reserve(
  options: ReserveOptions,
  request: PaymentRequest,
  paymentId: string,
): Promise<Reservation> {
  if (request.kind === 'refund') return await lookWhatIsLeft(options, request)
  const { kind, fromUserId, toUserId, amount, currency } = request
  const refusal = refuseAboveLimit(options.limits, request)
  if (refusal) return { outcome: 'refused', refusal }
  const contents = { kind, fromUserId, toUserId, amount, currency }
  const { wallet, holdExpiresMs } = options
  const held = await wallet.hold({
    transferId: paymentId,
    ...contents,
    expiresInMs: holdExpiresMs,
  })
  return held.outcome === 'held' ? { outcome: 'reserved', amount } : held
}

async function lookWhatIsLeft(
  { db }: ReserveOptions,
  request: RefundOfPayment,
): Promise<Reservation> {
  const { alive, all } = await countRefunds(db, request.refundOf)
  if (alive >= REFUNDS_MAX || all >= REFUND_ATTEMPTS_MAX) {
    const detail =
      alive >= REFUNDS_MAX
        ? `At most ${REFUNDS_MAX} refunds of a payment can be pending or completed`
        : `A payment can be refunded ${REFUND_ATTEMPTS_MAX} times, in vain or not`
    return { outcome: 'refused', refusal: { code: 'refund-limit-reached', detail } }
  }
  const payment = await findPayment(db, request.refundOf)
  if (!payment) throw new Error('A payment that was there is gone; payments are never deleted')
  const left = Number(payment.amountMinor) - Number(payment.refundedMinor)
  const amount = request.amount ?? left
  if (amount > 0 && amount <= left) return { outcome: 'reserved', amount }
  const detail =
    left === 0 ? 'All of the payment was refunded' : `${left} minor units are left to refund`
  return { outcome: 'refused', refusal: { code: 'refund-exceeds-payment', detail } }
}
