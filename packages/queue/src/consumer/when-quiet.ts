import { backoffMs, pause } from '../backoff.ts'
import type { LiveConnection } from '../broker/connection.ts'
import { closeChannel, openChannel } from '../broker/topology.ts'
import type { Subscription } from './subscription.ts'

const QUIET = { baseMs: 30_000, maxMs: 300_000 }

/**
 * Resolves when a subscription has brought nothing for a while and has nothing in hand, so that another
 * had better take its place; and when the signal aborts. For a while longer each time, up to minutes, if
 * so many (`inVain`) before it brought nothing either: most queues are quiet because nobody writes.
 *
 * What is on its way to a consumer while a quorum queue changes its leader may be lost, and what the
 * consumer settles then, too. The queue counts it as in the consumer's hands, and once that is all the
 * prefetch allows it delivers nothing more, to a consumer that it calls up and that sees no error.
 * Nothing in the protocol tells of it, and only the end of the channel brings the messages back.
 * https://github.com/rabbitmq/rabbitmq-server/issues/15473 and /11228
 */
export async function whenQuiet(
  subscription: Subscription,
  live: LiveConnection,
  signal: AbortSignal,
  inVain: number,
): Promise<void> {
  let failures = inVain
  while (!signal.aborted) {
    const before = subscription.received
    await pause(backoffMs(before === 0 ? failures : 0, QUIET), signal)
    if (signal.aborted) return
    const isQuiet = (): boolean => subscription.idle && subscription.received === before
    // While the queue has no leader a new subscription would cost the connection.
    if (!isQuiet()) continue
    if (!(await hasLeader(live, subscription.queue))) failures = 0
    else if (isQuiet()) return
  }
}

/** A queue without a leader shows nobody, not even who asks. */
async function hasLeader(live: LiveConnection, queue: string): Promise<boolean> {
  try {
    const channel = await openChannel(live.model)
    try {
      const { messageCount, consumerCount } = await channel.checkQueue(queue)
      return messageCount + consumerCount > 0
    } finally {
      await closeChannel(channel)
    }
  } catch {
    // Gone, or not ours to ask for: who can't tell leaves things as they are.
    return false
  }
}
