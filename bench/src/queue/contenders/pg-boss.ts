import { PgBoss } from 'pg-boss'
import pg from 'pg'
import { bodySchema, effectOf, insertEffect } from './contender.ts'
import type { Contender, Place } from './contender.ts'

const QUEUE = 'bench'

const boss = (databaseUrl: string, max: number): PgBoss => {
  const made = new PgBoss({
    connectionString: databaseUrl,
    max,
    // Looks often for the jobs of processes that died: the run is short.
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
    maintenanceIntervalSeconds: 1,
  })
  made.on('error', () => {})
  return made
}

export const pgBoss: Contender = {
  name: 'pg-boss',
  packages: ['pg-boss'],
  about:
    'no broker: work with transactional: true, so that effects and completion are one transaction; batches of the size of the prefetch, expiring after 5 s instead of 15 minutes',
  async prepare({ databaseUrl }) {
    const made = boss(databaseUrl, 2)
    await made.start()
    await made.createQueue(QUEUE, { expireInSeconds: 5, retryLimit: 100, retryDelay: 0 })
    await made.stop({ graceful: false })
  },
  async fill({ databaseUrl }, messages) {
    const made = boss(databaseUrl, 2)
    await made.start()
    const jobs = messages.map(({ id, body }) => ({ data: { id, body } }))
    await made.insert(QUEUE, jobs)
    await made.stop({ graceful: false })
  },
  left: async (place) => await unfinished(place),
  async work({ databaseUrl }, { concurrency, prefetch }, committed) {
    const made = boss(databaseUrl, concurrency + 4)
    await made.start()
    const options = {
      transactional: true,
      batchSize: prefetch,
      burstWhenBatchFull: true,
      localConcurrency: concurrency,
      pollingIntervalSeconds: 0.5,
    } as const
    await made.work<{ id: string; body: unknown }, void, typeof options>(
      QUEUE,
      options,
      async (jobs, db) => {
        for (const { data } of jobs) {
          const body = bodySchema.parse(data.body)
          await db.executeSql(insertEffect, effectOf({ id: data.id, body }))
        }
        committed(jobs.length)
      },
    )
    return { stop: async () => await made.stop({ graceful: true, timeout: 10_000 }) }
  },
}

async function unfinished({ databaseUrl }: Place): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query<{ n: number }>(
    "select count(*)::integer as n from pgboss.job where name = $1 and state not in ('completed')",
    [QUEUE],
  )
  await client.end()
  return rows[0]?.n ?? 0
}
