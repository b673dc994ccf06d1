import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Contender, Place } from './contender.ts'
import { openEffects } from './effects.ts'

/** BullMQ wants a connection that never gives up. */
const connect = ({ redisUrl }: Place): Redis => new Redis(redisUrl, { maxRetriesPerRequest: null })

async function withQueue<T>(place: Place, use: (queue: Queue) => Promise<T>): Promise<T> {
  const connection = connect(place)
  const queue = new Queue(place.queue, { connection })
  try {
    return await use(queue)
  } finally {
    await queue.close()
    connection.disconnect()
  }
}

export const bullmq: Contender = {
  name: 'BullMQ',
  packages: ['bullmq'],
  about:
    'no broker: a Worker on Redis with appendfsync always; a dead worker’s jobs are taken over after 3 s instead of 30',
  prepare: async () => {},
  async fill(place, messages) {
    await withQueue(place, async (queue) => {
      await queue.addBulk(
        messages.map(({ id, body }) => ({
          name: 'post',
          data: { id, body },
          opts: { removeOnComplete: true, attempts: 20 },
        })),
      )
    })
  },
  left: async (place) =>
    await withQueue(place, async (queue) => {
      const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'prioritized', 'failed')
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    }),
  async work(place, { concurrency }, committed) {
    const effects = openEffects(place.databaseUrl, concurrency, committed)
    const connection = connect(place)
    const worker = new Worker<{ id: string; body: unknown }>(
      place.queue,
      async (job) => {
        await effects.handle(job.data.id, job.data.body)
      },
      {
        connection,
        concurrency,
        lockDuration: 3_000,
        stalledInterval: 1_000,
        maxStalledCount: 100,
      },
    )
    worker.on('error', () => {})
    return {
      async stop() {
        await worker.close()
        connection.disconnect()
        await effects.close()
      },
    }
  },
}
