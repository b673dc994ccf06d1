import { continueTrace, withLogContext } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import type { PaymentsDatabase } from './payments-database.ts'
import { readMessageHeaders } from './sql/read-message-headers.ts'

/** The row of a payment that the reversal job ends. */
interface StaleRow {
  readonly id: string
  readonly message_id: string
}

/** Runs what is done about a payment as a part of the request that made the payment. */
export type PaymentStory = <T>(row: StaleRow, name: string, work: () => Promise<T>) => Promise<T>

/**
 * Creates the function. Where a payment comes from is read once and remembered for as long as its
 * row is in hand; that it cannot be read changes nothing about the payment.
 */
export function createPaymentStory(db: Kysely<PaymentsDatabase>): PaymentStory {
  const known = new WeakMap<StaleRow, Readonly<Record<string, string | undefined>>>()
  return async (row, name, work) => {
    const headers =
      known.get(row) ?? (await readMessageHeaders(db, row.message_id).catch(noHeaders))
    known.set(row, headers)
    const requestId = headers['request-id']
    const fields = { paymentId: row.id, ...(requestId !== undefined && { requestId }) }
    return await continueTrace(headers, name, () => withLogContext(fields, work))
  }
}

const noHeaders = (): Readonly<Record<string, string | undefined>> => ({})
