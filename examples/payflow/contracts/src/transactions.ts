/** Bodies of `/api/transactions`. */
import { z } from 'zod'
import {
  amountField,
  currencyField,
  cursorField,
  idField,
  instantField,
  limitField,
  noteField,
  pageOf,
} from './fields.ts'
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

/** What moved money, as its two parties see it. */
export const transactionView = z.object({
  id: idField,
  kind: z.enum(PAYMENT_KINDS),
  status: z.enum(PAYMENT_STATUSES),
  failureCode: z.enum(FAILURE_CODES).optional(),
  fromUserId: idField,
  toUserId: idField,
  amount: amountField,
  currency: currencyField,
  note: z.string().optional(),
  createdAt: instantField,
  /** When it became COMPLETED or FAILED. */
  completedAt: instantField.optional(),
})
export type TransactionView = z.infer<typeof transactionView>

/**
 * The 202 to an accepted payment, and the same again to every retry with the same key: it says
 * what was accepted, not how it went on. `GET /api/transactions/:id` says that.
 */
export const acceptedTransaction = transactionView
  .omit({ failureCode: true, completedAt: true })
  .extend({ status: z.literal('PENDING'), message: z.literal(ACCEPTED_MESSAGE) })
export type AcceptedTransaction = z.infer<typeof acceptedTransaction>

/** `GET /api/transactions?limit=&cursor=&status=`, newest first. */
export const transactionListQuery = z.object({
  limit: limitField,
  cursor: cursorField.optional(),
  status: z.enum(PAYMENT_STATUSES).optional(),
})
export type TransactionListQuery = z.infer<typeof transactionListQuery>

export const transactionPage = pageOf(transactionView)
export type TransactionPage = z.infer<typeof transactionPage>

/** The path of everything that is found by its id. */
export const idParams = z.object({ id: idField })
export type IdParams = z.infer<typeof idParams>
