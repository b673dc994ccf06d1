import {
  SANDBOX_BANK_ID,
  type Currency,
  type CreateTransactionRequest,
  type HeldKind,
  type FundsRequest,
  type RefundRequest,
} from '@payflow-app/contracts'
import type { PaymentRow } from './database.ts'

interface Asked {
  /** Who asks. Keys are theirs: two users may use the same. */
  readonly userId: string
  readonly key: string
  readonly fromUserId: string
  readonly toUserId: string
  readonly currency: Currency
  readonly note?: string | undefined
}

/** A request whose money is held before it is accepted. */
export interface HeldRequest extends Asked {
  readonly kind: HeldKind
  readonly amount: number
}

/** A request to give a payment back. */
export interface RefundOfPayment extends Asked {
  readonly kind: 'refund'
  readonly refundOf: string
  /** Undefined: all that is left when it is accepted. */
  readonly amount: number | undefined
}

/** A validated request to move money, whatever it is for. */
export type PaymentRequest = HeldRequest | RefundOfPayment

/** Who asks, and under which key. */
type Asker = Pick<Asked, 'userId' | 'key'>

/** A payment to somebody. */
export function paymentRequest(asker: Asker, body: CreateTransactionRequest): HeldRequest {
  return { kind: 'payment', ...asker, ...body, fromUserId: asker.userId }
}

/** Money from the sandbox bank. */
export function topUpRequest(asker: Asker, { amount, currency }: FundsRequest): HeldRequest {
  const parties = { fromUserId: SANDBOX_BANK_ID, toUserId: asker.userId }
  return { kind: 'top_up', ...asker, ...parties, amount, currency }
}

/** Money to the sandbox bank. */
export function withdrawalRequest(asker: Asker, { amount, currency }: FundsRequest): HeldRequest {
  const parties = { fromUserId: asker.userId, toUserId: SANDBOX_BANK_ID }
  return { kind: 'withdrawal', ...asker, ...parties, amount, currency }
}

/** The refund of a payment, by who received it. */
export function refundOf(
  payment: PaymentRow,
  asker: Asker,
  { amount, note }: RefundRequest,
): RefundOfPayment {
  const parties = { fromUserId: payment.toUserId, toUserId: payment.fromUserId }
  const currency = payment.currency as Currency
  return { kind: 'refund', ...asker, ...parties, refundOf: payment.id, amount, currency, note }
}
