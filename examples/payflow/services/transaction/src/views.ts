import {
  ACCEPTED_MESSAGE,
  type AcceptedTransaction,
  type Currency,
  type RefundView,
  type TransactionDetails,
  type TransactionView,
} from '@payflow-app/contracts'
import type { PaymentRow } from './database.ts'

/**
 * A payment as one of its parties sees it. Both see that it failed; why is told to who asked for it
 * alone, for it may say how much money they have.
 */
export function toTransactionView(row: PaymentRow, userId: string): TransactionView {
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    ...(row.failureCode !== null && isAsker(row, userId) && { failureCode: row.failureCode }),
    ...contentsOf(row),
    ...(row.refundedMinor !== null && { refundedAmount: Number(row.refundedMinor) }),
    createdAt: row.createdAt.toISOString(),
    ...(row.completedAt !== null && { completedAt: row.completedAt.toISOString() }),
  }
}

/** Whether it was this user who asked for the payment: who sends the money, but for a top-up. */
export function isAsker({ kind, fromUserId, toUserId }: PaymentRow, userId: string): boolean {
  return userId === (kind === 'top_up' ? toUserId : fromUserId)
}

/** A payment with its refunds, as one of its parties sees them. */
export function toTransactionDetails(
  row: PaymentRow,
  refunds: readonly PaymentRow[],
  userId: string,
): TransactionDetails {
  const view = toTransactionView(row, userId)
  if (row.kind !== 'payment') return view
  return { ...view, refunds: refunds.map((refund) => toRefundView(refund, userId)) }
}

function toRefundView(row: PaymentRow, userId: string): RefundView {
  const view = toTransactionView(row, userId)
  const { id, status, failureCode, amount, note, createdAt, completedAt } = view
  return {
    id,
    status,
    ...(failureCode !== undefined && { failureCode }),
    amount,
    ...(note !== undefined && { note }),
    createdAt,
    ...(completedAt !== undefined && { completedAt }),
  }
}

/** The answer to the request that made the payment: the same however the payment went on. */
export function toAcceptedTransaction(row: PaymentRow): AcceptedTransaction {
  return {
    id: row.id,
    kind: row.kind,
    status: 'PENDING',
    message: ACCEPTED_MESSAGE,
    ...contentsOf(row),
    createdAt: row.createdAt.toISOString(),
  }
}

function contentsOf(row: PaymentRow) {
  return {
    fromUserId: row.fromUserId,
    toUserId: row.toUserId,
    amount: Number(row.amountMinor), // at most AMOUNT_MINOR_MAX, which is far below 2^53
    currency: row.currency as Currency,
    ...(row.note !== null && { note: row.note }),
    ...(row.refundOf !== null && { refundOf: row.refundOf }),
  }
}
