import {
  ACCEPTED_MESSAGE,
  type AcceptedTransaction,
  type Currency,
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
    createdAt: row.createdAt.toISOString(),
    ...(row.completedAt !== null && { completedAt: row.completedAt.toISOString() }),
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
  }
}
