import type { Kysely } from 'kysely'
import { query } from './query.ts'

/* Only the row that this transaction has taken: nobody else sees it in this state. */
const store = (schema: string): string => `
  update ${schema}.guard
  set state = $3, result = $4
  where id = $1 and name = $2 and state = 'taken'
  returning 1`

/** Puts the result of the work beside the effect; `undefined` says that it is not kept. */
export async function storeResult(
  trx: Kysely<any>,
  schema: string,
  { id, name }: { readonly id: string; readonly name: string },
  result: string | null | undefined,
): Promise<void> {
  const state = result === undefined ? 'omitted' : 'stored'
  const rows = await query(trx, store(schema), [id, name, state, result ?? null])
  if (rows.length !== 1) throw new Error(`the guard of ${id} is gone from its own transaction`)
}
