import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'
import type { Contender } from './contender.ts'
import { openEffects } from './effects.ts'

const logger = new Logger(() => () => {})

export const graphileWorker: Contender = {
  name: 'graphile-worker',
  packages: ['graphile-worker'],
  about:
    'no broker: run with a task list; the task makes a transaction of its own. Jobs of a process that died are locked for four hours',
  async prepare({ databaseUrl }) {
    const utils = await makeWorkerUtils({ connectionString: databaseUrl, logger })
    await utils.migrate()
    await utils.release()
  },
  async fill({ databaseUrl }, messages) {
    const utils = await makeWorkerUtils({ connectionString: databaseUrl, logger })
    await utils.addJobs(
      messages.map(({ id, body }) => ({ identifier: 'post', payload: { id, body } })),
    )
    await utils.release()
  },
  async left({ databaseUrl }) {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    const { rows } = await client.query<{ n: number }>(
      'select count(*)::integer as n from graphile_worker.jobs',
    )
    await client.end()
    return rows[0]?.n ?? 0
  },
  async work({ databaseUrl }, { concurrency }, committed) {
    const effects = openEffects(databaseUrl, concurrency, committed)
    const runner = await run({
      connectionString: databaseUrl,
      concurrency,
      maxPoolSize: concurrency + 2,
      noHandleSignals: true,
      pollInterval: 200,
      logger,
      taskList: {
        post: async (payload: unknown) => {
          const { id, body } = payload as { id: string; body: unknown }
          await effects.handle(id, body)
        },
      },
    })
    return {
      async stop() {
        await runner.stop()
        await effects.close()
      },
    }
  },
}
