/** Bodies of `/api/transactions`. */
import { z } from 'zod'
import {
  amountField,
  amountQueryField,
  currencyField,
  cursorField,
  idField,
  instantField,
  limitField,
  momentField,
  moneyField,
  noteField,
  pageOf,
} from './fields.ts'
import { REFUNDS_SHOWN_MAX } from './limits.ts'
import { ACCEPTED_MESSAGE, FAILURE_CODES, PAYMENT_KINDS, PAYMENT_STATUSES } from './statuses.ts'

/** `POST /api/transactions`, with an Idempotency-Key header. */
export const createTransactionRequest = z.strictObject({
  toUserId: idField,
  amount: amountField,
  currency: currencyField,
  note: noteField.optional(),
})
export type CreateTransactionRequest = z.infer<typeof createTransactionRequest>

/** `POST /api/wallets/me/top-ups` and `…/withdrawals`, with an Idempotency-Key header. */
export const fundsRequest = z.strictObject({ amount: amountField, currency: currencyField })
export type FundsRequest = z.infer<typeof fundsRequest>

/** `POST /api/transactions/:id/refunds`, with an Idempotency-Key header. */
export const refundRequest = z.strictObject({
  amount: amountField.optional().describe('Minor units. Without it: all that is left.'),
  note: noteField.optional(),
})
export type RefundRequest = z.infer<typeof refundRequest>

/** What moved money, as its two parties see it. */
export const transactionView = z.object({
  id: idField,
  kind: z.enum(PAYMENT_KINDS),
  status: z.enum(PAYMENT_STATUSES),
  failureCode: z
    .enum(FAILURE_CODES)
    .optional()
    .describe('Why it failed: told to who asked for it, and to nobody else.'),
  fromUserId: idField,
  toUserId: idField,
  amount: amountField,
  currency: currencyField,
  note: z.string().optional(),
  refundOf: idField.optional().describe('Of a refund: the payment it gives back.'),
  refundedAmount: moneyField
    .optional()
    .describe('Of a payment: what its completed refunds come to, in minor units.'),
  createdAt: instantField,
  /** When it became COMPLETED or FAILED. */
  completedAt: instantField.optional(),
})
export type TransactionView = z.infer<typeof transactionView>

/** A refund as it is shown with its payment. */
export const refundView = transactionView.pick({
  id: true,
  status: true,
  failureCode: true,
  amount: true,
  note: true,
  createdAt: true,
  completedAt: true,
})
export type RefundView = z.infer<typeof refundView>

/** `GET /api/transactions/:id`: the same, and of a payment its newest refunds. */
export const transactionDetails = transactionView.extend({
  refunds: z
    .array(refundView)
    .optional()
    .describe(`Of a payment: its refunds, newest first, at most ${REFUNDS_SHOWN_MAX}.`),
})
export type TransactionDetails = z.infer<typeof transactionDetails>

/**
 * The 202 to an accepted payment, and the same again to every retry with the same key: it says
 * what was accepted, not how it went on. `GET /api/transactions/:id` says that.
 */
export const acceptedTransaction = transactionView
  .omit({ failureCode: true, completedAt: true, refundedAmount: true })
  .extend({ status: z.literal('PENDING'), message: z.literal(ACCEPTED_MESSAGE) })
export type AcceptedTransaction = z.infer<typeof acceptedTransaction>

/** `GET /api/transactions?limit=&cursor=&…`, newest first. Every filter narrows the list. */
export const transactionListQuery = z.object({
  limit: limitField,
  cursor: cursorField.optional(),
  status: z.enum(PAYMENT_STATUSES).optional(),
  kind: z.enum(PAYMENT_KINDS).optional(),
  direction: z.enum(['sent', 'received']).optional().describe('By whom the user of the token is.'),
  counterpartyId: idField.optional().describe('The other party.'),
  from: momentField.optional().describe('Created then or later.'),
  to: momentField.optional().describe('Created before then.'),
  amountMin: amountQueryField.optional(),
  amountMax: amountQueryField.optional(),
})
export type TransactionListQuery = z.infer<typeof transactionListQuery>

export const transactionPage = pageOf(transactionView)
export type TransactionPage = z.infer<typeof transactionPage>

/** The path of everything that is found by its id. */
export const idParams = z.object({ id: idField })
export type IdParams = z.infer<typeof idParams>
