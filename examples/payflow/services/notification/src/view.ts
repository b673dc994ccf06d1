import type { Currency, NotificationView } from '@payflow-app/contracts'
import type { NotificationRow } from './database.ts'
import { sentenceOf } from './sentences.ts'

/** A notification as its reader sees it. */
export function toNotificationView(row: NotificationRow): NotificationView {
  return {
    id: row.id,
    kind: row.kind,
    paymentId: row.paymentId,
    counterpartyId: row.counterpartyId,
    amount: Number(row.amountMinor), // at most AMOUNT_MINOR_MAX, which is far below 2^53
    currency: row.currency as Currency,
    ...(row.failureCode !== null && { failureCode: row.failureCode }),
    text: sentenceOf(row),
    createdAt: row.createdAt.toISOString(),
    readAt: row.readAt?.toISOString() ?? null,
  }
}
