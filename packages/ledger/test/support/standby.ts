import { execFile } from 'node:child_process'
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Server, startPostgres, temporaryFolder, waitFor } from '@payflow/testkit'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { type Executor, surviveConnectionLoss } from '../../src/index.ts'

/** A PostgreSQL and another that streams from it, asynchronously. */
export interface Replicated extends AsyncDisposable {
  readonly primary: Server
  readonly standby: Server
  readonly onPrimary: Executor
  readonly onStandby: Executor
  /** Resolves when the standby has replayed all that the primary has written by now. */
  caughtUp(): Promise<void>
  /** Ends the streaming: what the primary acknowledges from now on, the standby never hears of. */
  cut(): Promise<void>
  /** Makes the standby a primary. */
  promote(): Promise<void>
}

/** Starts both. The standby begins as a copy of the primary's files, made while that is down. */
export async function startReplicated(): Promise<Replicated> {
  const folder = temporaryFolder('replicated')
  const data = { primary: join(folder, 'primary'), standby: join(folder, 'standby') }
  const primary = await startPostgres({ name: 'primary', dataDir: data.primary })
  await primary.stop()
  await promisify(execFile)('cp', ['-a', data.primary, data.standby])
  const { uid, gid } = statSync(data.standby)
  const signal = join(data.standby, 'standby.signal')
  writeFileSync(signal, '')
  chownSync(signal, uid, gid)
  const source = `host=127.0.0.1 port=${primary.port} user=postgres application_name=standby`
  appendFileSync(join(data.standby, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
  await primary.start()
  const standby = await startPostgres({ name: 'standby', dataDir: data.standby })
  const [onPrimary, onStandby] = [connect(primary.url), connect(standby.url)]
  return {
    primary,
    standby,
    onPrimary,
    onStandby,
    async caughtUp() {
      const { rows } = await sql<{ at: string }>`
        select pg_current_wal_flush_lsn()::text as at`.execute(onPrimary)
      await waitFor(
        () => isTrue(onStandby, sql`pg_last_wal_replay_lsn() >= ${rows[0]?.at}::pg_lsn`),
        { message: 'the standby to catch up' },
      )
    },
    async cut() {
      await sql`alter system set primary_conninfo = ''`.execute(onStandby)
      await sql`select pg_reload_conf()`.execute(onStandby)
      await waitFor(() => isTrue(onPrimary, sql`not exists (select from pg_stat_replication)`), {
        message: 'the streaming to end',
      })
    },
    async promote() {
      await sql`select pg_promote()`.execute(onStandby)
      await waitFor(() => isTrue(onStandby, sql`not pg_is_in_recovery()`), {
        message: 'the standby to be a primary',
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([onPrimary.destroy(), onStandby.destroy()])
      await Promise.all([primary.stop(), standby.stop()])
    },
  }
}

function connect(connectionString: string): Executor {
  const pool = surviveConnectionLoss(new pg.Pool({ connectionString, max: 4 }))
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}

async function isTrue(db: Executor, condition: ReturnType<typeof sql>): Promise<boolean> {
  const { rows } = await sql<{ so: boolean }>`select ${condition} as so`.execute(db)
  return rows[0]?.so === true
}
