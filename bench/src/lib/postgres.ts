import { type Server, startPostgres } from '@payflow/testkit'
import pg from 'pg'
import type { Context } from './context.ts'

/**
 * Not PostgreSQL's defaults for a laptop: the data fit into the cache, and checkpoints come by the
 * clock and not by the volume, so that no case pays for the one before it.
 */
const settings = {
  shared_buffers: '2GB',
  max_wal_size: '8GB',
  // A benchmark that loses acknowledged transfers measures something else.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
}
const shown = [...Object.keys(settings), 'wal_level', 'checkpoint_timeout', 'max_connections']

/** A private PostgreSQL for a benchmark, with durability on; says so in the environment. */
export async function openPostgres(context: Context): Promise<Server> {
  const server = await startPostgres({
    name: 'bench',
    settings: context.quick ? { ...settings, shared_buffers: '256MB' } : settings,
    announce: context.say,
  })
  try {
    const actual = await settingsOf(server.url)
    for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
      if (actual[name] !== 'on') throw new Error(`${name} is ${actual[name]}: nothing is durable`)
    }
    context.used('postgres', server.version, actual)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function settingsOf(url: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string; value: string }>(
      'select name, current_setting(name) as value from pg_settings where name = any ($1)',
      [shown],
    )
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
  } finally {
    await client.end()
  }
}
