import type { FailureCode, PaymentKind, PaymentStatus } from '@payflow-app/contracts'

/** The tables of transaction-service; its statements are SQL, one a file under `sql/`. */
// oxlint-disable-next-line typescript/no-empty-object-type -- no query is built from the types
export interface TransactionDatabase {}

/** Why a payment was refused before it existed: kept so that the same key gives the same answer. */
export interface Refusal {
  readonly code: string
  readonly detail: string
}

/** A claim on a key: which payment it asked for, and what the request was. */
export interface Claim {
  readonly paymentId: string
  readonly fingerprint: Buffer
  readonly refusal: Refusal | null
}

/** A payment as stored. */
export interface PaymentRow {
  readonly id: string
  readonly kind: PaymentKind
  readonly fromUserId: string
  readonly toUserId: string
  /** bigint as text: `pg` leaves it to the reader not to round. */
  readonly amountMinor: string
  readonly currency: string
  readonly note: string | null
  /** Of a refund: the payment it gives back. */
  readonly refundOf: string | null
  /** Of a payment: what its completed refunds come to; numeric as text. */
  readonly refundedMinor: string | null
  readonly status: PaymentStatus
  readonly failureCode: FailureCode | null
  readonly createdAt: Date
  readonly completedAt: Date | null
}
