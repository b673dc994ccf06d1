import { isForbidden } from './pg-errors.ts'
import type { Query } from './query.ts'

/* People write these rows, a few a day, so one statement reads them all. Skips what another sweep has. */
const remove = (schema: string): string => `
  delete from ${schema}.operator_action where id in (
    select id from ${schema}.operator_action
    where updated_at < now() - $1 * interval '1 millisecond'
    for update skip locked
  )
  returning 1`

/**
 * Deletes the audit of what operators did longer ago than that; returns how many rows. A role without
 * the right to delete them keeps them: an audit which the service itself can't shorten.
 */
export async function deleteActions(
  query: Query,
  schema: string,
  auditRetentionMs: number,
): Promise<number> {
  try {
    return (await query(remove(schema), [auditRetentionMs])).length
  } catch (error) {
    if (isForbidden(error)) return 0
    throw error
  }
}
