import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@payflow-app/service-kit'
import type { PaymentEventRow } from './sql/read-events.ts'

/** Options of {@link createEventFeed}. */
export interface EventFeedOptions {
  /** Reads what happened to payments, of each after the id given for it. */
  readonly read: (after: ReadonlyMap<string, bigint>) => Promise<readonly PaymentEventRow[]>
  readonly logger: Logger
  /** Between two looks when there is much going on. @defaultValue `100` */
  readonly intervalMinMs?: number
  /** Between two looks when nothing has happened for a while. @defaultValue `1_000` */
  readonly intervalMaxMs?: number
}

/** Tells whoever watches a payment what happens to it. */
export interface EventFeed {
  /**
   * Calls `onEvent` with each event of the payment after `afterId`, in order, once. Returns what ends
   * the watch.
   */
  watch(paymentId: string, afterId: bigint, onEvent: (event: PaymentEventRow) => void): () => void
  /** Payments that somebody watches. */
  readonly watched: number
}

interface Watch {
  readonly onEvent: (event: PaymentEventRow) => void
  afterId: bigint
}

/** The part of the time since something happened after which it is looked again. */
const PATIENCE = 1 / 4

/**
 * Creates the feed of one process: whoever watches what, all are served by one query at a time. It
 * looks soon after a watch begins or something has happened, ever more seldom while nothing does,
 * and not at all while nobody watches.
 *
 * Asking, rather than LISTEN and NOTIFY: a transaction that notifies takes a lock of the whole
 * cluster at its commit, so all payments would queue for it; what is said while a connection is
 * broken is lost, so one would have to ask anyway; and it needs a session, which a pooler in
 * transaction mode has not. The price is at most one small query each 100 ms a process.
 */
export function createEventFeed(options: EventFeedOptions): EventFeed {
  const { read, logger, intervalMinMs = 100, intervalMaxMs = 1_000 } = options
  const watches = new Map<string, Set<Watch>>()
  let busyAtMs = 0
  let soon = new AbortController()
  let looking = false
  const look = async (): Promise<void> => {
    const places = placesOf(watches)
    const events = await read(places)
    if (events.length > 0) busyAtMs = performance.now()
    for (const event of events) {
      tell(watches.get(event.paymentId), event, places.get(event.paymentId))
    }
  }
  const lookWhileWatched = async (): Promise<void> => {
    while (watches.size > 0) {
      soon = new AbortController()
      await look().catch((err: unknown) => {
        busyAtMs = 0
        logger.warn({ err }, 'events of payments could not be read')
      })
      const quietMs = (performance.now() - busyAtMs) * PATIENCE
      const waitMs = Math.min(intervalMaxMs, Math.max(intervalMinMs, quietMs))
      await pause(waitMs, undefined, { signal: soon.signal }).catch(() => undefined)
    }
    looking = false
  }
  return {
    get watched() {
      return watches.size
    },
    watch(paymentId, afterId, onEvent) {
      const watch = { onEvent, afterId }
      const others = watches.get(paymentId) ?? new Set()
      watches.set(paymentId, others.add(watch))
      // A look that is running may have begun too early; the next is at most one interval away.
      if (performance.now() - busyAtMs > intervalMinMs) soon.abort()
      busyAtMs = performance.now()
      if (!looking) {
        looking = true
        void lookWhileWatched()
      }
      return () => {
        others.delete(watch)
        if (others.size === 0 && watches.get(paymentId) === others) watches.delete(paymentId)
        if (watches.size === 0) soon.abort()
      }
    },
  }
}

/** From where on each payment has to be read: the place of the watch that is furthest behind. */
function placesOf(watches: ReadonlyMap<string, ReadonlySet<Watch>>): Map<string, bigint> {
  const places = new Map<string, bigint>()
  for (const [paymentId, ofPayment] of watches) {
    for (const { afterId } of ofPayment) {
      const least = places.get(paymentId)
      if (least === undefined || afterId < least) places.set(paymentId, afterId)
    }
  }
  return places
}

/**
 * Tells an event to who has not seen it, of those whose place the look began at or behind. A watch
 * that began from an earlier place while it ran has more before this event: the next look's.
 */
function tell(
  watches: ReadonlySet<Watch> | undefined,
  event: PaymentEventRow,
  readAfterId = 0n,
): void {
  const id = BigInt(event.id)
  for (const watch of watches ?? []) {
    if (watch.afterId < readAfterId || id <= watch.afterId) continue
    watch.afterId = id
    watch.onEvent(event)
  }
}
