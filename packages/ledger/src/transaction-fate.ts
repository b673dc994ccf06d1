import { CompiledQuery } from 'kysely'
import type { Executor } from './executor.ts'

/*
 * What became of a transaction whose COMMIT was sent and never answered.
 *
 * PostgreSQL remembers the end of recent transactions by their number (pg_xact_status). The number
 * alone is not proof: one that was never flushed is given away again after a crash, and its next
 * owner's commit would pass for ours (measured: kill -9 of any backend is enough). So a mark also
 * names the run of the server that it belongs to. The postmaster's start changes with a restart or
 * a failover; the reset of the WAL statistics also with a crash that the postmaster survives.
 */

const microseconds = (time: string): string => `(extract(epoch from ${time}) * 1000000)::bigint`

const INCARNATION = `concat(${microseconds('pg_catalog.pg_postmaster_start_time()')}, '.',
    (select ${microseconds('stats_reset')} from pg_catalog.pg_stat_wal))`

const MARK = `select concat(pg_catalog.pg_current_xact_id_if_assigned(), '@', ${INCARNATION}) as mark`

const FATE = `select case when ${INCARNATION} = $2
    then coalesce(pg_catalog.pg_xact_status($1::xid8), 'forgotten') else 'forgotten' end as fate`

/** Names a transaction: `<number>@<run of the server>`; the number is empty if it wrote nothing. */
const FORM = /^(\d+)@(\d+\.\d*)$/

/** `forgotten`: too long ago, or the server has been started anew since. */
export type Fate = 'committed' | 'aborted' | 'in progress' | 'forgotten'

/**
 * The mark of the transaction under way, null when it has written nothing so far. Also the proof
 * that it is alive: in one that has failed, this statement fails as well (25P02).
 */
export async function markOf(trx: Executor): Promise<string | null> {
  const { rows } = await trx.executeQuery<{ mark: string }>(CompiledQuery.raw(MARK))
  const mark = rows[0]?.mark
  return isMark(mark) ? mark : null
}

export const isMark = (value: unknown): value is string =>
  typeof value === 'string' && FORM.test(value)

/** Asks the server, on a connection of its own. Throws what the driver throws. */
export async function fateOf(db: Executor, mark: string): Promise<Fate> {
  const [, xid, incarnation] = FORM.exec(mark) ?? []
  const { rows } = await db.executeQuery<{ fate: Fate }>(
    CompiledQuery.raw(FATE, [xid, incarnation]),
  )
  return rows[0]?.fate ?? 'forgotten'
}
