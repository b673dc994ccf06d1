import type { Kysely } from 'kysely'
import { IdempotencyError } from '../errors.ts'
import { query } from './query.ts'
import { quoteSchema } from './schema-name.ts'

/** Options of {@link sweepGuards}. */
export interface SweepOptions {
  /**
   * Rows taken longer ago than this are removed, in milliseconds by PostgreSQL's clock. Longer than
   * the store keeps a key (`retentionMs`, and `graceMs`) and than any client retries: afterwards the
   * same key is a new action. Range 3 600 000 (an hour)…315 360 000 000 (ten years).
   * @defaultValue 2_592_000_000 (30 days)
   */
  readonly retentionMs?: number
  /**
   * At most so many rows in one call, so that no row stays locked long. Range 1…100 000.
   * @defaultValue 1_000
   */
  readonly limit?: number
  /**
   * PostgreSQL schema of the table.
   * @defaultValue 'idempotency'
   */
  readonly schema?: string
}

/* A row that a retry is looking at is skipped, and so is one that another sweep deletes. */
const remove = (schema: string): string => `
  delete from ${schema}.guard
  where (id, name) in (
    select id, name from ${schema}.guard
    where taken_at < now() - $1 * interval '1 millisecond'
    order by taken_at
    limit $2
    for update skip locked
  )
  returning 1`

/**
 * Removes the oldest rows of the guard, a batch a call; answers how many. Call it again while it
 * answers `limit`. Safe to run anywhere, at any time, in several processes at once.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID` or
 * `IDEMPOTENCY_GUARD_NOT_MIGRATED`.
 */
export async function sweepGuards(db: Kysely<any>, options: SweepOptions = {}): Promise<number> {
  const { retentionMs = 2_592_000_000, limit = 1_000 } = options
  within('retentionMs', retentionMs, 3_600_000, 315_360_000_000)
  within('limit', limit, 1, 100_000)
  const rows = await query(db, remove(quoteSchema(options.schema)), [retentionMs, limit])
  return rows.length
}

function within(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new IdempotencyError(
    'IDEMPOTENCY_OPTIONS_INVALID',
    `${name} must be an integer from ${min} to ${max}, not ${String(value)}`,
  )
}
