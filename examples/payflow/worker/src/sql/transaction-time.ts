import { sql, type Kysely } from 'kysely'

/** The `now()` of the transaction: what all rows written in it carry. Takes no locks. */
export async function transactionTime(trx: Kysely<any>): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select now() as at`.execute(trx)
  const row = rows[0]
  if (row === undefined) throw new Error('select now() returned no row')
  return row.at
}
