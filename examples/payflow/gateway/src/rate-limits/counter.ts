import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { OnRedisFailure, Rate } from './policies.ts'

/** What a limit says to one request. */
export type Count =
  | { readonly outcome: 'counted'; readonly counted: Counted; readonly by: 'redis' | 'memory' }
  /** Redis did not answer, and the request goes on without. */
  | { readonly outcome: 'uncounted' }

/** Where somebody stands within a limit. */
export interface Counted {
  readonly allowed: boolean
  readonly remaining: number
  /** Until the window ends, by the clock of who counts. */
  readonly resetMs: number
}

/** Options of {@link createCounter}. */
export interface CounterOptions {
  readonly redis: Redis
  readonly timeoutMs: number
  readonly keyPrefix: string
  readonly rate: Rate
  readonly onRedisFailure: OnRedisFailure
  readonly onFailure: (error: unknown) => void
}

/** Counts one request of somebody. Never rejects. */
export type Counter = (key: string) => Promise<Count>

/** After a failure Redis is left alone this long: an outage must not cost each request a timeout. */
const PAUSE_MS = 1_000

/** Creates the counter of one limit. One Lua script a request, on one key, by Redis' own clock. */
export function createCounter(options: CounterOptions): Counter {
  const { redis, timeoutMs, keyPrefix, rate, onRedisFailure, onFailure } = options
  const limits = { keyPrefix, points: rate.requests, duration: rate.windowS }
  const shared = new RateLimiterRedis({ ...limits, storeClient: redis })
  const own = onRedisFailure === 'memory' ? new RateLimiterMemory(limits) : undefined
  let askAgainAt = 0
  const withoutRedis = async (key: string): Promise<Count> =>
    own ? { outcome: 'counted', counted: await countIn(own, key), by: 'memory' } : uncounted
  return async (key) => {
    if (performance.now() < askAgainAt) return await withoutRedis(key)
    try {
      return {
        outcome: 'counted',
        counted: await within(timeoutMs, countIn(shared, key)),
        by: 'redis',
      }
    } catch (error) {
      askAgainAt = performance.now() + PAUSE_MS
      onFailure(error)
      return await withoutRedis(key)
    }
  }
}

const uncounted: Count = { outcome: 'uncounted' }

/**
 * The answer, if it comes in time. After a blocked event loop the time is over before the answer
 * that has arrived was read, so the sockets are read once more before it counts as missing.
 */
async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const giveUp = () => reject(new Error(`Redis did not count within ${timeoutMs} ms`))
    timer = setTimeout(() => setImmediate(giveUp), timeoutMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

async function countIn(limiter: RateLimiterRedis | RateLimiterMemory, key: string) {
  try {
    return counted(await limiter.consume(key), true)
  } catch (error) {
    // A refusal is thrown as a result, trouble as an Error.
    if (error instanceof RateLimiterRes) return counted(error, false)
    throw error
  }
}

function counted({ remainingPoints, msBeforeNext }: RateLimiterRes, allowed: boolean): Counted {
  return { allowed, remaining: remainingPoints, resetMs: Math.max(0, msBeforeNext) }
}
