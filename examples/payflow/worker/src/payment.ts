import {
  currencyField,
  type Currency,
  type FailureCode,
  type PaymentKind,
} from '@payflow-app/contracts'
import type { Selectable } from 'kysely'
import type { PaymentsTable } from './payments-database.ts'

/** What moves: taken from the payment's row, which decides, not from a message about it. */
export interface Payment {
  readonly paymentId: string
  readonly kind: PaymentKind
  /** Of a refund: the payment it gives back. */
  readonly refundOf: string | null
  readonly fromUserId: string
  readonly toUserId: string
  /** Minor units; the contract keeps it within what a JSON number holds exactly. */
  readonly amount: number
  readonly currency: Currency
}

/** How a payment ends. */
export type Settlement =
  | { readonly status: 'COMPLETED' }
  | { readonly status: 'FAILED'; readonly failureCode: FailureCode }

type PaymentRow = Pick<
  Selectable<PaymentsTable>,
  'id' | 'kind' | 'from_user_id' | 'to_user_id' | 'amount_minor' | 'currency' | 'refund_of'
>

/** Reads a payment from its row. */
export function paymentOf(row: PaymentRow): Payment {
  return {
    paymentId: row.id,
    kind: row.kind,
    refundOf: row.refund_of,
    fromUserId: row.from_user_id,
    toUserId: row.to_user_id,
    amount: Number(row.amount_minor),
    currency: currencyField.parse(row.currency),
  }
}
