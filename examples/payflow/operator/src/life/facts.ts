import type { Posted } from '../books/posted.ts'

/** What each store knows of one payment. */

/** The request for it, in payment_claims. */
export interface ClaimFact {
  readonly key: string
  readonly userId: string
  readonly createdAt: Date
  readonly refusal: { readonly code: string; readonly detail: string } | null
  readonly refusedAt: Date | null
}

/** Its row. */
export interface PaymentFact {
  readonly kind: string
  readonly status: 'PENDING' | 'COMPLETED' | 'FAILED'
  readonly failureCode: string | null
  readonly fromUserId: string
  readonly toUserId: string
  /** bigint as text. */
  readonly amountMinor: string
  readonly currency: string
  readonly refundOf: string | null
  readonly messageId: string
  readonly createdAt: Date
  readonly dispatchedAt: Date | null
  readonly completedAt: Date | null
  readonly resolvedBy: string | null
}

/** One of payment_events. */
export interface EventFact {
  readonly type: string
  readonly at: Date
}

/** One message about it, in the outbox. Sent ones are kept for a day. */
export interface MessageFact {
  readonly id: string
  readonly type: string
  readonly state: string
  readonly attempts: number
  readonly lastError: string | null
  readonly createdAt: Date
  readonly settledAt: Date | null
}

/** What a consumer has noted of one of its messages. */
export interface DeliveryFact {
  readonly messageId: string
  readonly consumer: string
  /** When its effects were committed; null: they were not. */
  readonly committedAt: Date | null
  readonly failedAttempts: number
  readonly lastError: string | null
  readonly lastFailedAt: Date | null
}

/** The money that is or was reserved for it. */
export interface HoldFact {
  readonly state: string
  /** Whether it is open and has not run out. */
  readonly isHeld: boolean
  readonly tombstone: boolean
  readonly amountMinor: string | null
  readonly createdAt: Date
  readonly settledAt: Date | null
  readonly expiresAt: Date | null
}

/** A row of the journal. */
export interface TransferFact {
  readonly id: string
  readonly kind: string
  readonly amountMinor: string
  readonly currency: string
  readonly createdAt: Date
}

/** A message about it that a consumer has given up. */
export interface ParkedFact {
  readonly queue: string
  readonly messageId: string
  readonly reason: string
  readonly attempts: number | undefined
  readonly error: string | undefined
  readonly parkedAt: Date | undefined
}

/** Somebody was told of it. */
export interface NotificationFact {
  readonly kind: string
  readonly userId: string
  readonly createdAt: Date
  readonly readAt: Date | null
}

/** A mail about it. */
export interface MailFact {
  readonly kind: string
  readonly userId: string
  readonly state: string
  readonly attempts: number
  readonly reason: string | null
  readonly createdAt: Date
  readonly settledAt: Date | null
}

/** A refund of it. */
export interface RefundFact {
  readonly id: string
  readonly status: string
  readonly amountMinor: string
  readonly createdAt: Date
}

/** Everything that is known of one payment. */
export interface PaymentFacts {
  readonly paymentId: string
  /** The clock of the payments' database, when it was read. */
  readonly readAt: Date
  readonly claim: ClaimFact | undefined
  readonly payment: PaymentFact | undefined
  readonly events: readonly EventFact[]
  readonly messages: readonly MessageFact[]
  readonly deliveries: readonly DeliveryFact[]
  /** `undefined`: the broker was not reached, so nobody knows. */
  readonly parked: readonly ParkedFact[] | undefined
  readonly hold: HoldFact | undefined
  readonly transfers: readonly TransferFact[]
  /** What these moved, between whom; undefined: nothing. */
  readonly posted: Posted | undefined
  readonly notifications: readonly NotificationFact[]
  readonly mails: readonly MailFact[]
  readonly refunds: readonly RefundFact[]
}
