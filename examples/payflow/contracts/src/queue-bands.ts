/**
 * Bounds of the three bands of queue depth, in waiting messages: up to `fineMax` all is well, up
 * to `busyMax` the workers are busy but keep up, above it users feel the delay. The page, the
 * alerts and the documents take the numbers from here.
 */
export const QUEUE_BANDS = { fineMax: 50, busyMax: 200 } as const

/** The band a queue is in. */
export type QueueBand = 'fine' | 'busy' | 'delayed'

/** Names the band that a queue with `depth` waiting messages is in. */
export function queueBand(depth: number): QueueBand {
  if (depth <= QUEUE_BANDS.fineMax) return 'fine'
  return depth <= QUEUE_BANDS.busyMax ? 'busy' : 'delayed'
}
