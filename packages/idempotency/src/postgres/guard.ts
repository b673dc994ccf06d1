import type { Transaction } from 'kysely'
import type { IdempotencyContext } from '../context.ts'
import { IdempotencyError } from '../errors.ts'
import { quoteSchema } from './schema-name.ts'
import { storeResult } from './store-result.ts'
import { takeGuard } from './take-guard.ts'
import type { GuardRow } from './take-guard.ts'

/** Options of {@link guard}. */
export interface GuardOptions {
  /**
   * PostgreSQL schema of the table.
   * @defaultValue 'idempotency'
   */
  readonly schema?: string
  /**
   * Tells the effects of one request apart, where it has several transactions: `'reserve'`,
   * `'capture'`. 1…64 characters.
   * @defaultValue 'effect'
   */
  readonly name?: string
  /**
   * A result whose JSON is longer is not kept: the effect is still done once, and a later execution
   * is told so without it. Bytes, range 0…16 777 216.
   * @defaultValue 262_144
   */
  readonly resultMaxBytes?: number
}

/**
 * What became of guarded work.
 *
 * - `executed`: it ran here. True only once the transaction has committed.
 * - `replayed`: an earlier execution has committed it; `value` is its result, as JSON gives it back,
 *   unless it was `omitted` as too large.
 */
export type Guarded<T> =
  | { readonly outcome: 'executed'; readonly omitted: false; readonly value: T }
  | { readonly outcome: 'replayed'; readonly omitted: false; readonly value: T }
  | { readonly outcome: 'replayed'; readonly omitted: true; readonly value: undefined }

/**
 * Runs `work` in your transaction at most once per scope, operation and key, whatever becomes of the
 * store: a row with a unique id commits or rolls back with the effect. A second execution waits for
 * the first one's transaction and then gets its stored result, whether it came because Redis was
 * down, restarted, failed over or was flushed, or because a lease lapsed.
 *
 * Does not cover what `work` does outside of this transaction: give a call to another system
 * `context.deriveKey()`. Does not outlive the row: see `sweepGuards`. Takes two statements.
 *
 * @param trx - your open transaction, which you commit by returning and roll back by throwing. At
 * READ COMMITTED nothing is to be repeated; above it, repeat 40001 as always
 * @param context - what `getIdempotency(req)` or `execute` gave you; without one nothing runs
 * @throws IdempotencyError with code `IDEMPOTENCY_KEY_REUSED` if the row is of a request with other
 * contents, `IDEMPOTENCY_GUARD_UNFINISHED`, `IDEMPOTENCY_GUARD_NOT_MIGRATED`,
 * `IDEMPOTENCY_RESULT_INVALID` if the result cannot be JSON, or `IDEMPOTENCY_OPTIONS_INVALID`.
 * Let each of them end the transaction.
 */
export async function guard<T>(
  trx: Transaction<any>,
  context: IdempotencyContext | undefined,
  work: () => Promise<T>,
  options: GuardOptions = {},
): Promise<Guarded<T>> {
  requireExecution(trx, context)
  const { schema, name, resultMaxBytes } = checked(options)
  const row = await takeGuard(trx, schema, context, name)
  if (row.executions > 1) return replayed(row, context)
  const value = await work()
  const json = encode(value)
  const isKept = json === null || Buffer.byteLength(json) <= resultMaxBytes
  await storeResult(trx, schema, { id: context.id, name }, isKept ? json : undefined)
  return { outcome: 'executed', omitted: false, value }
}

function replayed<T>(row: GuardRow, context: IdempotencyContext): Guarded<T> {
  if (!Buffer.from(row.fingerprint).equals(context.fingerprint)) {
    // Nothing happened here, and this answer must not stand in the way of the request that paid.
    context.setOutcome('release')
    throw new IdempotencyError(
      'IDEMPOTENCY_KEY_REUSED',
      'this key has had its effect with another request; use a new key for a new action',
    )
  }
  if (row.state === 'taken') {
    throw new IdempotencyError(
      'IDEMPOTENCY_GUARD_UNFINISHED',
      'the guard is taken and its work not finished: its error was swallowed and the transaction ' +
        'committed all the same, or two guards of this transaction need different names',
    )
  }
  if (row.state === 'omitted') return { outcome: 'replayed', omitted: true, value: undefined }
  const value = (row.result === null ? undefined : JSON.parse(row.result)) as T
  return { outcome: 'replayed', omitted: false, value }
}

/** Null stands for `undefined`. Better to refuse before the commit than to lose the answer. */
function encode(value: unknown): string | null {
  try {
    return (JSON.stringify(value) as string | undefined) ?? null
  } catch (cause) {
    throw new IdempotencyError(
      'IDEMPOTENCY_RESULT_INVALID',
      'the result of guarded work must survive JSON: amounts as text, no cycles',
      { cause },
    )
  }
}

function requireExecution(
  trx: Transaction<any>,
  context: IdempotencyContext | undefined,
): asserts context is IdempotencyContext {
  // Without a transaction the row would commit before the work has begun.
  if (trx?.isTransaction !== true) throw invalid('guard needs an open transaction of Kysely')
  if (typeof context?.id !== 'string' || !(context.fingerprint instanceof Uint8Array)) {
    throw invalid('guard needs the context of an execution: is the route protected?')
  }
}

function checked(options: GuardOptions): {
  readonly schema: string
  readonly name: string
  readonly resultMaxBytes: number
} {
  const { name = 'effect', resultMaxBytes = 262_144 } = options
  if (typeof name !== 'string' || name.length < 1 || name.length > 64 || name.includes('\0')) {
    throw invalid(`name must have 1 to 64 characters, not ${String(name)}`)
  }
  const isInRange = resultMaxBytes >= 0 && resultMaxBytes <= 16_777_216
  if (!Number.isInteger(resultMaxBytes) || !isInRange) {
    throw invalid(`resultMaxBytes must be an integer from 0 to 16777216, not ${resultMaxBytes}`)
  }
  return { schema: quoteSchema(options.schema), name, resultMaxBytes }
}

function invalid(message: string): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_OPTIONS_INVALID', message)
}
