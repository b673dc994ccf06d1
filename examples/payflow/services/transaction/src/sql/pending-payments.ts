import { sql, type Kysely } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** How many payments are pending and for how long the oldest has been, by the database's clock. */
export async function pendingPayments(
  db: Kysely<TransactionDatabase>,
): Promise<{ pending: number; oldestAgeS: number }> {
  const counted = await sql<{ pending: string; oldestAgeS: number | null }>`
    select count(*) as pending,
      extract(epoch from now() - min(created_at))::float8 as "oldestAgeS"
    from public.payments where status = 'PENDING'`.execute(db)
  const [row] = counted.rows
  return { pending: Number(row?.pending ?? 0), oldestAgeS: row?.oldestAgeS ?? 0 }
}
