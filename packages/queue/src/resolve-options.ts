import { defaultParkingQueue } from './broker/topology.ts'
import { QueueError } from './errors.ts'
import type { ConsumerOptions } from './options.ts'
import type { ResolvedRelayOptions } from './outbox/relay.ts'
import type { RelayOptions } from './outbox/types.ts'

/** {@link ConsumerOptions} with every default filled in. */
export interface ResolvedConsumerOptions {
  readonly name: string
  readonly queue: string
  readonly messages: ConsumerOptions['messages']
  readonly concurrency: number
  readonly prefetch: number
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
  const concurrency = within('concurrency', options.concurrency ?? 8, 1, 1_000)
  const delaysMs = options.retry?.delaysMs ?? [1_000, 5_000, 30_000, 300_000]
  if (delaysMs.length < 1 || delaysMs.length > 10) {
    throw invalidOption('retry.delaysMs', '1–10 values')
  }
  for (const delayMs of delaysMs) within('retry.delaysMs', delayMs, 10, 86_400_000)
  const parkingQueue = options.parkingQueue ?? defaultParkingQueue(queue)
  requireQueueName('parkingQueue', parkingQueue)
  return {
    name,
    queue,
    messages,
    concurrency,
    prefetch: within('prefetch', options.prefetch ?? concurrency * 2, concurrency, 2_000),
    deadlineMs: within('deadlineMs', options.deadlineMs ?? 60_000, 100, 1_500_000),
    parkingQueue,
    attempts: within('retry.attempts', options.retry?.attempts ?? 8, 1, 100),
    delaysMs,
  }
}

/** Fills in the defaults; throws `QUEUE_INVALID_OPTIONS` for what is out of range. */
export function resolveRelayOptions(options: RelayOptions): ResolvedRelayOptions {
  return {
    batchSize: within('batchSize', options.batchSize ?? 256, 1, 5_000),
    partitions: within('partitions', options.partitions ?? 16, 1, 16),
    pollMs: within('pollMs', options.pollMs ?? 250, 10, 60_000),
    leaseMs: within('leaseMs', options.leaseMs ?? 5_000, 1_000, 300_000),
    maxAttempts: within('maxAttempts', options.maxAttempts ?? 10, 1, 1_000),
    retentionMs: within('retentionMs', options.retentionMs ?? 86_400_000, 0, 3_153_600_000_000),
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
