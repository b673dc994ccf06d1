import type { FailureCode, PaymentKind, PaymentStatus, Resolver } from '@payflow-app/contracts'
import type { ColumnType } from 'kysely'

/** The table of transaction-service's database that the worker and the reversal job settle. */
export interface PaymentsTable {
  readonly id: string
  readonly kind: ColumnType<PaymentKind, PaymentKind | undefined, never>
  readonly from_user_id: string
  readonly to_user_id: string
  /** `bigint`, which pg hands over as text. */
  readonly amount_minor: ColumnType<string, never, never>
  readonly currency: string
  readonly refund_of: ColumnType<string | null, string | undefined, never>
  status: PaymentStatus
  failure_code: FailureCode | null
  /** The outbox row of its `payments.execute` message. */
  readonly message_id: string
  readonly created_at: Date
  readonly dispatched_at: Date | null
  completed_at: Date | null
  resolved_by: Resolver | null
}

/** What the two processes of this folder see of the database. */
export interface PaymentsDatabase {
  payments: PaymentsTable
}
