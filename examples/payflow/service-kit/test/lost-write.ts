/*
 * The debugging example of docs/how-to-debug-this-system.md, played on a PostgreSQL of its own: the
 * server stops answering while a transaction begins, and comes back. First with the connections of
 * the driver as they are, then with ours. Prints what each side sees.
 *
 *   sh scripts/env.sh examples/payflow/service-kit/test/lost-write.ts
 */
import { startPostgres } from '@payflow/testkit'
import pg from 'pg'
import { AnsweringClient } from '../src/pg-client.ts'

const QUERY_TIMEOUT_MS = 1_000

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const server = await startPostgres()
const witness = new pg.Client({ connectionString: server.url })
await witness.connect()
await witness.query('create table written (what text)')

async function play(title: string, Client: typeof pg.Client): Promise<void> {
  await witness.query('truncate written')
  const pool = new pg.Pool({
    Client,
    connectionString: server.url,
    application_name: 'service',
    query_timeout: QUERY_TIMEOUT_MS,
    max: 1,
  })
  pool.on('error', () => undefined)
  await pool.query('select 1')

  // A request begins a transaction; the server does not answer; the request is given up.
  server.freeze()
  const first = await pool.connect()
  const error = await first.query('begin').catch((reason: unknown) => reason)
  first.release()
  server.resume()

  // A moment later somebody else writes something, in one statement that needs no transaction.
  const { rowCount } = await pool.query("insert into written values ('paid')")
  const seen = await witness.query('select what from written')
  const { rows } = await witness.query<{ state: string; query: string }>(
    "select state, query from pg_stat_activity where application_name = 'service'",
  )
  print(title)
  print(`  the first request was told   ${error instanceof Error ? error.message : 'done'}`)
  print(`  the second one was told      ${rowCount} row inserted`)
  print(`  everybody else sees          ${seen.rowCount} rows`)
  for (const { state, query } of rows) print(`  pg_stat_activity             ${state}: ${query}`)
  await pool.end()
}

try {
  await play('the driver as it is', pg.Client)
  await play('our connection', AnsweringClient)
} finally {
  await witness.end()
  await server.stop()
}
