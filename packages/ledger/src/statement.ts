import { CompiledQuery, type QueryResult } from 'kysely'
import type { Executor } from './executor.ts'
import type { Busy, Unknown } from './outcomes.ts'
import { faultOf } from './pg-errors.ts'

/** What `select <function>(…)::text` answers. */
interface Answered {
  readonly result: unknown
}

const ask = (
  db: Executor,
  text: string,
  parameters: readonly unknown[],
): Promise<QueryResult<Answered>> =>
  // Kysely's type wants a list it could change; it does not.
  db.executeQuery(CompiledQuery.raw(text, parameters as unknown[]))

function jsonOf({ rows }: QueryResult<Answered>): unknown {
  const result = rows[0]?.result ?? null
  // Text, so that no type parser or camel-case plugin of the caller's can touch it; a plugin that
  // parses JSON text by itself does no harm, as every amount inside is text as well.
  return typeof result === 'string' ? JSON.parse(result) : result
}

/**
 * A verb that writes. Alone, a fault becomes `busy` (nothing written) or `unknown` (the connection
 * was lost after the statement left); in a transaction it is thrown, because PostgreSQL has
 * aborted the transaction and every further statement of it would fail.
 */
export async function write<T>(
  db: Executor,
  id: string,
  text: string,
  parameters: readonly unknown[],
  decode: (value: unknown) => T,
): Promise<T | Busy | Unknown> {
  let answered: QueryResult<Answered>
  try {
    answered = await ask(db, text, parameters)
  } catch (cause) {
    const fault = faultOf(cause)
    if (db.isTransaction || fault.kind === 'fatal') throw fault.error
    if (fault.kind === 'busy') return fault.busy
    return { outcome: 'unknown', id, retryAfterMs: fault.retryAfterMs }
  }
  return decode(jsonOf(answered))
}

/** A verb that reads: any fault is thrown. */
export async function read<T>(
  db: Executor,
  text: string,
  parameters: readonly unknown[],
  decode: (value: unknown) => T,
): Promise<T> {
  let answered: QueryResult<Answered>
  try {
    answered = await ask(db, text, parameters)
  } catch (cause) {
    throw faultOf(cause).error
  }
  return decode(jsonOf(answered))
}
