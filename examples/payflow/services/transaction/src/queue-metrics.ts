import { QUEUES, queueBand, type QueueBand } from '@payflow-app/contracts'
import { oncePerScrape, registerGauge, type SetGauge } from '@payflow-app/service-kit'
import type { Bus, QueueDepth } from '@payflow/queue'
import type { Registry } from 'prom-client'

/** A broker that is away must not keep a scrape waiting. */
const TIMEOUT_MS = 500

const bands: readonly QueueBand[] = ['fine', 'busy', 'delayed']

/** What the broker says of a queue and of what was parked from it. */
interface QueueState {
  readonly queue: string
  readonly work: QueueDepth
  /** Undefined while no consumer has ever declared the parking queue. */
  readonly parked: QueueDepth | undefined
}

/**
 * Exports the queues of all consumers as the broker sees them: a consumer that is not there at all
 * cannot say so itself.
 */
export function registerQueueMetrics(registry: Registry, bus: Pick<Bus, 'queueDepth'>): void {
  const states = oncePerScrape(() => readQueues(bus))
  const add = (
    name: string,
    help: string,
    each: (set: SetGauge, state: QueueState) => void,
    labelNames: readonly string[] = ['queue'],
  ) =>
    registerGauge(registry, { name, help, labelNames }, async (set) => {
      for (const state of await states()) each(set, state)
    })
  add('payflow_queue_depth', 'Messages that wait in the queue', (set, { queue, work }) =>
    set({ queue }, work.ready),
  )
  add(
    'payflow_queue_band',
    '1 for the band the queue is in, else 0',
    (set, { queue, work }) => {
      const current = queueBand(work.ready)
      for (const band of bands) set({ queue, band }, band === current ? 1 : 0)
    },
    ['queue', 'band'],
  )
  add(
    'payflow_queue_consumers',
    'Consumers the broker delivers to; 0: nobody takes what waits',
    (set, { queue, work }) => set({ queue }, work.consumers),
  )
  add(
    'payflow_queue_parked',
    'Messages that were given up and wait for a person',
    (set, { queue, parked }) => {
      if (parked !== undefined) set({ queue }, parked.ready)
    },
  )
}

async function readQueues(bus: Pick<Bus, 'queueDepth'>): Promise<QueueState[]> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('timed out')), TIMEOUT_MS)
  const states = Promise.all(
    Object.values(QUEUES).map(async (queue) => ({
      queue,
      work: await bus.queueDepth(queue),
      parked: await bus.queueDepth(`${queue}.parked`).catch(() => undefined),
    })),
  )
  return await Promise.race([states, late]).finally(() => clearTimeout(timer))
}
