import { sql } from 'kysely'
import type { RawBuilder, Transaction } from 'kysely'
import type { WindowCounts } from '../mass-reversal.ts'
import type { ResolvedReversalOptions } from '../resolve-options.ts'

interface CountRow {
  created: string
  pending: string
  completed: string
  reversed: string
}

/**
 * Counts the rows created within the window, by what became of them. Reads one range of an index on
 * `createdAt`; without that index, the whole table. Takes no locks.
 */
export async function countWindow(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
): Promise<WindowCounts> {
  return await count(
    trx,
    sql`${marks(options)} where ${createdAt(options)} >= ${windowStart(options)} ${cutOff(options)}`,
  )
}

/**
 * Counts the newest `limit` ended rows from before the window, for tables that see few rows.
 * Reads as many entries of the same index. Takes no locks.
 */
export async function countBeforeWindow(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  limit: number,
): Promise<WindowCounts> {
  return await count(
    trx,
    sql`${marks(options)}
      where ${createdAt(options)} < ${windowStart(options)} ${cutOff(options)}
        and ${sql.ref(options.columns.status)} <> ${sql.lit(options.statuses.pending)}
      order by ${createdAt(options)} desc
      limit ${limit}`,
  )
}

/**
 * What each row is. `isReversed` is the caller's expression and may name its columns with the table
 * in front, so it is evaluated where the table has its own name.
 */
function marks({
  table,
  columns,
  statuses,
  massReversal,
}: ResolvedReversalOptions): RawBuilder<unknown> {
  const status = sql.ref(columns.status)
  const ours = massReversal.isReversed === undefined ? sql`` : sql`and ${massReversal.isReversed}`
  return sql`select ${status} = ${sql.lit(statuses.pending)} as pending,
    ${status} = ${sql.lit(statuses.completed)} as completed,
    ${status} = ${sql.lit(statuses.reversed)} ${ours} as reversed
    from ${sql.table(table)}`
}

async function count(trx: Transaction<any>, marked: RawBuilder<unknown>): Promise<WindowCounts> {
  const { rows } = await sql<CountRow>`
    select count(*) as created, count(*) filter (where pending) as pending,
      count(*) filter (where completed) as completed, count(*) filter (where reversed) as reversed
    from (${marked}) as marked
  `.execute(trx)
  return decoded(rows[0])
}

const createdAt = (options: ResolvedReversalOptions) => sql.ref(options.columns.createdAt)

const windowStart = ({ massReversal }: ResolvedReversalOptions) =>
  sql`now() - ${`${massReversal.windowMs} milliseconds`}::interval`

const cutOff = (options: ResolvedReversalOptions) =>
  options.notBefore === undefined ? sql`` : sql`and ${createdAt(options)} >= ${options.notBefore}`

function decoded(row: CountRow | undefined): WindowCounts {
  if (row === undefined) throw new Error('count(*) returned no row')
  return {
    created: Number(row.created),
    pending: Number(row.pending),
    completed: Number(row.completed),
    reversed: Number(row.reversed),
  }
}
