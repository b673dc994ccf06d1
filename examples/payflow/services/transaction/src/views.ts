import {
  ACCEPTED_MESSAGE,
  type AcceptedTransaction,
  type Currency,
  type RefundView,
  type TransactionDetails,
  type TransactionView,
} from '@payflow-app/contracts'
import type { PaymentRow } from './database.ts'

/** A payment as its sender and its recipient see it. */
export function toTransactionView(row: PaymentRow): TransactionView {
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    ...(row.failureCode !== null && { failureCode: row.failureCode }),
    ...contentsOf(row),
    ...(row.refundedMinor !== null && { refundedAmount: Number(row.refundedMinor) }),
    createdAt: row.createdAt.toISOString(),
    ...(row.completedAt !== null && { completedAt: row.completedAt.toISOString() }),
  }
}

/** A payment with its refunds, as both its parties see them. */
export function toTransactionDetails(
  row: PaymentRow,
  refunds: readonly PaymentRow[],
): TransactionDetails {
  const view = toTransactionView(row)
  return row.kind === 'payment' ? { ...view, refunds: refunds.map(toRefundView) } : view
}

function toRefundView(row: PaymentRow): RefundView {
  const { id, status, failureCode, amount, note, createdAt, completedAt } = toTransactionView(row)
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
