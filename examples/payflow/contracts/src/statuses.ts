/**
 * What moves money. All four go the same way: written down as PENDING, executed by the worker,
 * ended once.
 *
 * - `payment`: from one user to another.
 * - `top_up`: from the sandbox bank into a wallet.
 * - `withdrawal`: from a wallet to the sandbox bank.
 * - `refund`: of a completed payment, by who received it, in part or whole.
 */
export const PAYMENT_KINDS = ['payment', 'top_up', 'withdrawal', 'refund'] as const

/** What moves money. */
export type PaymentKind = (typeof PAYMENT_KINDS)[number]

/**
 * The bank outside PayFlow, where a top-up comes from and a withdrawal goes to: the other party of
 * both. It is nobody's wallet; nobody can pay it, and no user has this id.
 */
export const SANDBOX_BANK_ID = '5a9db0c4-ba4c-4000-8000-000000000000'

/** The statuses of a payment. COMPLETED and FAILED are final; nothing ever leaves them. */
export const PAYMENT_STATUSES = ['PENDING', 'COMPLETED', 'FAILED'] as const

/** The status of a payment. */
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number]

/**
 * Why a payment is FAILED. No money has moved under any of these.
 *
 * - `insufficient_funds`: the sender's available balance was smaller than the amount.
 * - `sender_unavailable`, `recipient_unavailable`: that wallet is missing, frozen or closed.
 * - `hold_released`, `hold_expired`, `hold_unknown`: the reserved money was free again (or never
 *   reserved) when the worker came to move it.
 * - `transfer_conflict`: the ledger knows the payment's id with other contents.
 * - `refund_exceeds_payment`: less than the amount was left of the payment to refund.
 * - `refund_refused`: the ledger had refused the refund for good, and a crash left why unwritten.
 * - `reversed_timeout`: it did not finish in time and was given up; the sender may try again.
 */
export const FAILURE_CODES = [
  'insufficient_funds',
  'sender_unavailable',
  'recipient_unavailable',
  'hold_released',
  'hold_expired',
  'hold_unknown',
  'transfer_conflict',
  'refund_exceeds_payment',
  'refund_refused',
  'reversed_timeout',
] as const

/** Why a payment is FAILED. */
export type FailureCode = (typeof FAILURE_CODES)[number]

/** Who settled a payment: the worker that executed it, or the reversal job that gave it up. */
export const RESOLVERS = ['worker', 'reversal'] as const

/** Who settled a payment. */
export type Resolver = (typeof RESOLVERS)[number]

/** The currencies a wallet may be opened in. */
export const CURRENCIES = ['USD'] as const

/** A currency a wallet may be opened in. */
export type Currency = (typeof CURRENCIES)[number]

/** What every accepted payment is answered with. */
export const ACCEPTED_MESSAGE = 'Transaction received. Processing.'
