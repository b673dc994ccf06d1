/*
 * Goal: the number of a transaction is not taken for another's. Method: a server of our own, one of
 * whose backends is killed, so that PostgreSQL starts anew and gives the number away again.
 */
import { startPostgres, waitFor, createTestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { createLedger, migrateLedger } from '../src/index.ts'
import { markOf } from '../src/transaction-fate.ts'

test('LEDGER-11 a transaction lost in a crash is not believed committed because another has its number', async () => {
  // Nothing but a commit may flush the log, or the lost number is found in it and not given again.
  await using server = await startPostgres({
    settings: {
      autovacuum: 'off',
      wal_level: 'minimal',
      max_wal_senders: '0',
      wal_writer_delay: '10s',
    },
  })
  await using database = await createTestDatabase({
    migrate: migrateLedger,
    serverUrl: server.url,
  })
  const { db, pool } = database
  pool.on('connect', (client) => client.on('error', () => undefined))
  const ledger = createLedger()
  await sql`create table note (n int)`.execute(db)
  await sql`checkpoint`.execute(db)

  const walWriter = async () => {
    const { rows } = await sql<{ pid: number }>`
      select pid from pg_stat_activity where backend_type = 'walwriter'`.execute(db)
    return rows[0]?.pid
  }
  const before = await walWriter()

  // Written, marked, never flushed: then any backend of the server dies of SIGKILL.
  let lost = ''
  const work = db.transaction().execute(async (trx) => {
    await sql`insert into note values (1)`.execute(trx)
    lost = (await markOf(trx)) ?? ''
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
    process.kill(rows[0]!.pid, 'SIGKILL')
    await sql`select 1`.execute(trx)
  })
  await expect(work).rejects.toBeInstanceOf(Error)

  // Every process of the server is another one now. Only reads until then: they take no number.
  await waitFor(async () => {
    const pid = await walWriter().catch(() => undefined)
    return pid !== undefined && pid !== before
  })
  const taken = await db.transaction().execute(async (trx) => {
    await sql`insert into note values (2)`.execute(trx)
    return (await markOf(trx)) ?? ''
  })
  // What makes this test worth having: the number is the same, and it is committed.
  expect(taken.split('@')[0]).toBe(lost.split('@')[0])
  expect(await ledger.resolve(db, { xid: taken })).toEqual({ state: 'committed' })
  expect(await ledger.resolve(db, { xid: lost })).toEqual({ state: 'undetermined' })
})
