import type { FailureCode, NotificationKind } from '@payflow-app/contracts'

/** The tables of notification-service; its statements are SQL, one a file under `sql/`. */
// oxlint-disable-next-line typescript/no-empty-object-type -- no query is built from the types
export interface NotificationDatabase {}

/** A notification as stored. */
export interface NotificationRow {
  readonly id: string
  readonly userId: string
  readonly kind: NotificationKind
  readonly paymentId: string
  readonly counterpartyId: string
  /** bigint as text: `pg` leaves it to the reader not to round. */
  readonly amountMinor: string
  readonly currency: string
  readonly failureCode: FailureCode | null
  readonly createdAt: Date
  readonly readAt: Date | null
}
