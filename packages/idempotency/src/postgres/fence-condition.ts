import { sql } from 'kysely'
import type { RawBuilder, SqlBool } from 'kysely'
import type { IdempotencyContext } from '../context.ts'

/**
 * A condition for your own rows: true while no later owner of the key has written them. Set the
 * column to `context.fence` in the same UPDATE, and take an update of no row for a lost claim.
 *
 * For rows that several requests change, where {@link guard} is not enough. A column that is null
 * counts as never written. A degraded execution has fence 0: it may write only such rows.
 *
 * @param column - a `bigint` column, `fence` or `payment.fence`
 */
export function fenceCondition(
  context: Pick<IdempotencyContext, 'fence'>,
  column: string,
): RawBuilder<SqlBool> {
  return sql<SqlBool>`(coalesce(${sql.ref(column)}, 0) <= ${context.fence}::bigint)`
}
