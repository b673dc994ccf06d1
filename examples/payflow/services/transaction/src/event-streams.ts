import { createStreamSlots, type Logger, type UserTokens } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import type { Registry } from 'prom-client'
import type { z } from 'zod'
import type { transactionVariables } from './config.ts'
import type { TransactionDatabase } from './database.ts'
import { createEventFeed } from './event-feed.ts'
import { registerEventStreamMetrics } from './event-metrics.ts'
import type { EventRouteOptions } from './event-routes.ts'
import { readEvents } from './sql/read-events.ts'

/** What {@link createEventStreams} is made of. */
export interface EventStreamsOptions {
  readonly config: z.output<z.ZodObject<typeof transactionVariables>>
  readonly db: Kysely<TransactionDatabase>
  readonly userTokens: UserTokens
  readonly logger: Logger
  readonly registry: Registry
  /** Ends all streams: the process is stopping. */
  readonly signal: AbortSignal
}

/** Puts together what serves the streams of this process: one feed, its limits, its metrics. */
export function createEventStreams(options: EventStreamsOptions): EventRouteOptions {
  const { config, db, userTokens, logger, registry, signal } = options
  const feed = createEventFeed({ read: (after) => readEvents(db, after), logger })
  const slots = createStreamSlots({
    perUserMax: config.EVENT_STREAMS_PER_USER_MAX,
    totalMax: config.EVENT_STREAMS_MAX,
    onRefused: (by) => count.refused(by),
  })
  const count = registerEventStreamMetrics(registry, {
    open: () => slots.open,
    watched: () => feed.watched,
  })
  return {
    db,
    userTokens,
    feed,
    slots,
    heartbeatMs: config.EVENT_HEARTBEAT_MS,
    lifetimeMaxMs: config.EVENT_STREAM_MAX_MS,
    signal,
    onClosed: (why) => count.closed(why),
  }
}
