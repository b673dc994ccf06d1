/** Bodies of `/api/wallets/me` and of the internal routes of wallet-service. */
import { z } from 'zod'
import { amountField, currencyField, idField, moneyField } from './fields.ts'
import type { PaymentKind } from './statuses.ts'

/** A wallet. All amounts are minor units; `available` = `balance` − `pending`. */
export const walletView = z.object({
  userId: idField,
  currency: currencyField,
  balance: moneyField,
  available: moneyField,
  pending: moneyField,
})
export type WalletView = z.infer<typeof walletView>

/** Internal: `POST /wallets` → 201 with the wallet. Idempotent by user id. */
export const openWalletRequest = z.object({ userId: idField, currency: currencyField })
export type OpenWalletRequest = z.infer<typeof openWalletRequest>

/** What is held first and posted later; a refund holds nothing. */
export const HELD_KINDS = ['payment', 'top_up', 'withdrawal'] as const satisfies PaymentKind[]

/** What is held first and posted later. */
export type HeldKind = (typeof HELD_KINDS)[number]

const movementFields = {
  /** The payment's id: everything the ledger does for a payment bears it. */
  transferId: idField,
  fromUserId: idField,
  toUserId: idField,
  amount: amountField,
  currency: currencyField,
}

const transferFields = {
  /** Without it: a payment, as callers from before there were kinds mean. */
  kind: z.enum(HELD_KINDS).default('payment'),
  ...movementFields,
}

/** Internal: `POST /wallets/holds` reserves the money of a payment. */
export const holdRequest = z.object({
  ...transferFields,
  /** How long the money stays reserved, in milliseconds: between one second and 30 days. */
  expiresInMs: z.int().min(1_000).max(2_592_000_000),
})
export type HoldRequest = z.infer<typeof holdRequest>

/** Internal: the answer to `POST /wallets/holds`. */
export const holdView = z.object({
  transferId: idField,
  state: z.literal('held'),
  replayed: z.boolean(),
})
export type HoldView = z.infer<typeof holdView>

/** Internal: `POST /wallets/transfer` posts the hold of that id. */
export const postTransferRequest = z.object(transferFields)
export type PostTransferRequest = z.infer<typeof postTransferRequest>

/** Internal: `POST /wallets/refunds` gives back a posted payment, in part or whole. */
export const postRefundRequest = z.object({
  ...movementFields,
  /** The payment that is given back: from `toUserId` to `fromUserId`, at least that amount. */
  paymentId: idField,
})
export type PostRefundRequest = z.infer<typeof postRefundRequest>

/** Internal: the answer to `POST /wallets/transfer` and `POST /wallets/refunds`. */
export const postTransferView = z.object({
  transferId: idField,
  state: z.literal('posted'),
  replayed: z.boolean(),
})
export type PostTransferView = z.infer<typeof postTransferView>

/**
 * Internal: the answer to `POST /wallets/holds/:id/release`. The answer is the decision:
 * `released` means the transfer can never post any more, `posted` that it already has.
 */
export const releaseView = z.object({
  transferId: idField,
  state: z.enum(['released', 'posted']),
})
export type ReleaseView = z.infer<typeof releaseView>
