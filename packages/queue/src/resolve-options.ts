import { defaultParkingQueue } from './broker/topology.ts'
import { QueueError } from './errors.ts'
import type { BatchOptions, ConsumerOptions, IsolationLevel } from './options.ts'
import type { ResolvedRelayOptions } from './outbox/relay.ts'
import type { RelayOptions } from './outbox/types.ts'

/** {@link ConsumerOptions} with every default filled in. */
export interface ResolvedConsumerOptions {
  readonly name: string
  readonly queue: string
  readonly messages: ConsumerOptions['messages']
  readonly concurrency: number
  readonly batch: { readonly size: number; readonly waitMs: number } | undefined
  readonly prefetch: number
  readonly order: 'key' | 'none'
  readonly isolation: IsolationLevel
  readonly deadlineMs: number
  readonly parkingQueue: string
  readonly attempts: number
  readonly delaysMs: readonly number[]
}

/** Fills in the defaults; throws `QUEUE_INVALID_OPTIONS` for what is out of range. */
export function resolveConsumerOptions(options: ConsumerOptions): ResolvedConsumerOptions {
  const { name, queue, messages } = options
  if (name.length === 0 || name.length > 200) throw invalidOption('name', '1–200 characters')
  requireQueueName('queue', queue)
  if (messages.length === 0) throw invalidOption('messages', 'at least one message')
  const batch = resolveBatch(options.batch)
  const concurrency = within('concurrency', options.concurrency ?? 8, 1, 1_000)
  const order = requireOrder('order', options.order)
  const delaysMs = requireDelays(options.retry?.delaysMs ?? DEFAULT_DELAYS_MS[order])
  const attempts = within('retry.attempts', options.retry?.attempts ?? 8, 1, 100)
  const deadlineMs = within('deadlineMs', options.deadlineMs ?? 60_000, 100, MAX_IN_HAND_MS)
  if (order === 'key') requireInHand(attempts, delaysMs, deadlineMs)
  const parkingQueue = options.parkingQueue ?? defaultParkingQueue(queue)
  requireQueueName('parkingQueue', parkingQueue)
  return {
    name,
    queue,
    messages,
    concurrency,
    batch,
    prefetch: resolvePrefetch(options.prefetch, order, concurrency, batch?.size ?? 1),
    order,
    isolation: requireIsolation(options.isolation),
    deadlineMs,
    parkingQueue,
    attempts,
    delaysMs,
  }
}

function resolveBatch(batch: BatchOptions | undefined): ResolvedConsumerOptions['batch'] {
  if (batch === undefined) return undefined
  return {
    size: within('batch.size', batch.size ?? 50, 2, 500),
    waitMs: within('batch.waitMs', batch.waitMs ?? 5, 0, 1_000),
  }
}

function resolvePrefetch(
  wanted: number | undefined,
  order: 'key' | 'none',
  concurrency: number,
  size: number,
): number {
  const atWork = concurrency * size
  const usual = order === 'key' ? Math.max(64, atWork * 8) : atWork * 2
  const least = Math.max(concurrency, size)
  return within('prefetch', wanted ?? Math.min(usual, 2_000), least, 2_000)
}

/** RabbitMQ's `consumer_timeout` is 30 minutes; the rest of it is for commits and publishing. */
const MAX_IN_HAND_MS = 1_500_000

const DEFAULT_DELAYS_MS = {
  none: [1_000, 5_000, 30_000, 300_000],
  // What fails holds up its key meanwhile.
  key: [1_000, 5_000, 30_000],
}

/** `'none'` unless it is given. */
export function requireOrder(name: string, order: unknown = 'none'): 'key' | 'none' {
  if (order === 'key' || order === 'none') return order
  throw invalidOption(name, "'key' or 'none'")
}

const ISOLATION_LEVELS: readonly IsolationLevel[] = [
  'read committed',
  'repeatable read',
  'serializable',
]

/** Becomes part of a statement, so nothing but these three may pass. */
function requireIsolation(isolation: IsolationLevel = 'read committed'): IsolationLevel {
  if (ISOLATION_LEVELS.includes(isolation)) return isolation
  throw invalidOption('isolation', `one of ${ISOLATION_LEVELS.join(', ')}`)
}

function requireDelays(delaysMs: readonly number[]): readonly number[] {
  if (delaysMs.length < 1 || delaysMs.length > 10) {
    throw invalidOption('retry.delaysMs', '1–10 values')
  }
  for (const delayMs of delaysMs) within('retry.delaysMs', delayMs, 10, 86_400_000)
  return delaysMs
}

/** `retryAfter` may choose the longest delay each time. */
function requireInHand(attempts: number, delaysMs: readonly number[], deadlineMs: number): void {
  const inHandMs = attempts * deadlineMs + (attempts - 1) * Math.max(...delaysMs)
  if (inHandMs <= MAX_IN_HAND_MS) return
  throw invalidOption(
    'retry',
    `such that with order 'key' a message is in hand for ${MAX_IN_HAND_MS} ms at most, below ` +
      `RabbitMQ's consumer_timeout; ${attempts} attempts of deadlineMs ${deadlineMs} with the ` +
      `longest of delaysMs between them make ${inHandMs} ms`,
  )
}

/** Fills in the defaults; throws `QUEUE_INVALID_OPTIONS` for what is out of range. */
export function resolveRelayOptions(options: RelayOptions): ResolvedRelayOptions {
  return {
    batchSize: within('batchSize', options.batchSize ?? 256, 1, 5_000),
    partitions: within('partitions', options.partitions ?? 16, 1, 16),
    pollMs: within('pollMs', options.pollMs ?? 250, 10, 60_000),
    leaseMs: within('leaseMs', options.leaseMs ?? 5_000, 1_000, 300_000),
    maxAttempts: within('maxAttempts', options.maxAttempts ?? 10, 1, 1_000),
    retentionMs: within('retentionMs', options.retentionMs ?? 0, 0, 3_153_600_000_000),
    onConfirmed: options.onConfirmed,
  }
}

/** A whole number between two bounds, or `QUEUE_INVALID_OPTIONS`. */
export function within(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw invalidOption(name, `a whole number from ${min} to ${max}, got ${value}`)
}

/** Queue names are AMQP short strings; ours get suffixes. */
export function requireQueueName(name: string, value: string): void {
  if (value.length > 0 && Buffer.byteLength(value) <= 200) return
  throw invalidOption(name, '1–200 bytes')
}

/** An option that can't be used. */
export function invalidOption(name: string, needed: string): QueueError {
  return new QueueError(`Option "${name}" must be ${needed}`, {
    code: 'QUEUE_INVALID_OPTIONS',
    retryable: false,
  })
}
