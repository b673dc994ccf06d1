import { sql, type Kysely } from 'kysely'
import type { PaymentsDatabase } from '../payments-database.ts'

/**
 * The headers a payment's message was written with: from which request, in which trace. None when
 * the row is gone: it is kept for a day after the broker's confirm. Takes no lock, for headers never
 * change.
 */
export async function readMessageHeaders(
  db: Kysely<PaymentsDatabase>,
  messageId: string,
): Promise<Readonly<Record<string, string | undefined>>> {
  const { rows } = await sql<{ headers: Record<string, string> }>`
    select headers from queue.outbox where id = ${messageId}`.execute(db)
  return rows[0]?.headers ?? {}
}
