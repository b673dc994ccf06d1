import type { Logger } from '@payflow-app/service-kit'
import { Redis } from 'ioredis'

/** Redis is on the same network; if it does not accept within a second it is not there. */
const CONNECT_TIMEOUT_MS = 1_000

/** A Redis that comes back is used again within this time. */
const RECONNECT_MS_MAX = 1_000

/**
 * Connects to Redis, and again for as long as the process runs. A command that finds no connection
 * fails at once instead of waiting for one: the payment goes on without Redis.
 */
export function connectRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * attempt, RECONNECT_MS_MAX),
  })
  let lost = false
  redis.on('error', (error: Error) => {
    // One line an outage, not one an attempt.
    if (!lost) logger.warn({ err: error }, 'Redis cannot be reached; payments go on without it')
    lost = true
  })
  redis.on('ready', () => {
    if (lost) logger.info('Redis is back')
    lost = false
  })
  return redis
}
