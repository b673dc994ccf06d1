import type { Kysely } from 'kysely'
import type { IdempotencyContext } from '../context.ts'
import { query } from './query.ts'

/** The row of one effect, as an execution finds it. */
export interface GuardRow {
  /** How many executions have come here; 1 is the one that took it. */
  readonly executions: number
  readonly fingerprint: Uint8Array
  readonly state: 'taken' | 'stored' | 'omitted'
  /** JSON of the stored result. */
  readonly result: string | null
}

/*
 * The lock is the index entry of the primary key. A twin waits on it until this transaction ends,
 * then inserts (we rolled back) or finds the row (we committed). It comes before the work, so a twin
 * waits before it has done any.
 * DO UPDATE and not DO NOTHING: it locks the row it finds, so that no sweep removes it in between,
 * and answers with it in the same round trip. Under REPEATABLE READ and above, a row committed
 * meanwhile is a serialization failure (40001), which the caller repeats as any other.
 */
const take = (schema: string): string => `
  insert into ${schema}.guard (id, name, fingerprint, fence)
  values ($1, $2, $3, $4)
  on conflict on constraint guard_pkey do update
    set executions = guard.executions + 1, fence = greatest(guard.fence, excluded.fence)
  returning executions, fingerprint, state, result`

/** Takes the effect for this transaction, or finds who has it. */
export async function takeGuard(
  trx: Kysely<any>,
  schema: string,
  { id, fingerprint, fence }: IdempotencyContext,
  name: string,
): Promise<GuardRow> {
  const bytes = Buffer.from(fingerprint)
  const rows = await query<GuardRow>(trx, take(schema), [id, name, bytes, fence])
  if (rows.length !== 1) throw new Error(`the guard gave ${rows.length} rows instead of one`)
  return rows[0] as GuardRow
}
