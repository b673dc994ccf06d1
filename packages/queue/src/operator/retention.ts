import { QueueError } from '../errors.ts'
import type { InboxMemory } from '../postgres/read-memory.ts'
import type { ResolvedConsumerOptions } from '../resolve-options.ts'
import type { ParkedMessage } from './types.ts'

/** How long the inbox remembers, and how long after parking a message may still be sent back. */
export interface Retention {
  readonly inboxRetentionMs: number
  readonly redriveWindowMs: number
}

/** Publishers' clocks are compared with PostgreSQL's; they may be this far apart. */
const CLOCK_MARGIN_MS = 300_000

/** The longest a message can be on its way from its first attempt to its last one. */
export function longestRunMs(
  consumer: Pick<ResolvedConsumerOptions, 'attempts' | 'delaysMs' | 'deadlineMs'>,
): number {
  const { attempts, delaysMs, deadlineMs } = consumer
  // A handler may choose any of the delays by retryAfter, so the longest stands for all.
  return (attempts - 1) * Math.max(...delaysMs) + attempts * deadlineMs
}

/**
 * Proves that no copy of a message is handled after its id was forgotten. A message that was committed
 * at once may have a copy that fails until it is parked, waits there as long as it may, is sent back
 * and fails once more until its last attempt: that is two runs and the redrive window.
 *
 * @throws {@link QueueError} with code `QUEUE_INVALID_OPTIONS` when the retention is shorter.
 */
export function proveRetention(
  { inboxRetentionMs, redriveWindowMs }: Retention,
  consumer: ResolvedConsumerOptions,
): void {
  const runMs = longestRunMs(consumer)
  const neededMs = 2 * runMs + redriveWindowMs
  if (inboxRetentionMs >= neededMs) return
  throw new QueueError(
    `Option "inboxRetentionMs" is ${inboxRetentionMs}, but consumer "${consumer.name}" needs at least ` +
      `${neededMs}: twice ${runMs} for all attempts with their waits (once before a message is ` +
      `parked, once after it is sent back), and redriveWindowMs ${redriveWindowMs} in the parking ` +
      'queue. With less, a copy could come after its id was forgotten and be handled twice. Keep ' +
      'ids longer, or shorten retry.delaysMs, retry.attempts, deadlineMs or redriveWindowMs.',
    { code: 'QUEUE_INVALID_OPTIONS', retryable: false },
  )
}

/** What is known of the consumer that would get a message again. */
export interface Recipient {
  readonly name: string
  readonly runMs: number
}

/**
 * Whether the inbox may have forgotten that a message was committed: it was published before the last
 * commit that was forgotten, or could be by the time of its last attempt. What doesn't say when it was
 * published may be of any age.
 */
export function mayBeForgotten(
  message: ParkedMessage,
  memory: InboxMemory,
  retention: Retention | undefined,
  recipient: Recipient | undefined,
): boolean {
  const { nowMs, forgottenUntilMs } = memory
  const consumer = message.consumer ?? recipient?.name
  const forgottenMs =
    consumer === undefined
      ? Math.max(Number.NEGATIVE_INFINITY, ...forgottenUntilMs.values())
      : (forgottenUntilMs.get(consumer) ?? Number.NEGATIVE_INFINITY)
  const forgetsMs =
    retention === undefined
      ? Number.NEGATIVE_INFINITY
      : nowMs - retention.inboxRetentionMs + (recipient?.runMs ?? 0)
  const safeAfterMs = Math.max(forgottenMs + CLOCK_MARGIN_MS, forgetsMs)
  const publishedMs = message.publishedAt?.getTime() ?? Number.NEGATIVE_INFINITY
  return safeAfterMs !== Number.NEGATIVE_INFINITY && publishedMs <= safeAfterMs
}
