import type { Executor } from './executor.ts'
import type { Item } from './item.ts'
import { decodeMany, parametersOf } from './items.ts'
import type { Busy, TransferResult, Unknown } from './outcomes.ts'
import { call } from './sql/call.ts'
import { MANY_TYPES } from './sql/many.ts'
import { write } from './statement.ts'

/** Most items of one statement. */
export const CHUNK_MAX = 1_000

/** How one statement ended: with a result for each item, or with a fault for all. */
export type Posted = TransferResult[] | Busy | Unknown

/** Posts items, at most {@link CHUNK_MAX}, in one statement. */
export type PostItems = (db: Executor, items: readonly Item[]) => Promise<Posted>

/** {@link PostItems} on a schema. */
export function postItems(s: string): PostItems {
  const statement = call(s, 'transfer_many', ...MANY_TYPES)
  return (db, items) =>
    write(db, '', statement, parametersOf(items), (json) => decodeMany(json, items))
}

/** The result of each item. */
export function resultsOf(answer: Posted, items: readonly Item[]): TransferResult[] {
  if (Array.isArray(answer)) return answer
  return items.map(({ id }) => (answer.outcome === 'busy' ? answer : { ...answer, id }))
}
