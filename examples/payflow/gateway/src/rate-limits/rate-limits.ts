import type { ApiRateLimit } from '@payflow-app/contracts/api'
import { problem, userOf, type Logger, type Metrics } from '@payflow-app/service-kit'
import type { Request, RequestHandler, Response } from 'express'
import type { Redis } from 'ioredis'
import { Counter as EventCounter } from 'prom-client'
import { createCounter, type Counter, type Counted } from './counter.ts'
import { RATE_LIMITS, type LimitSubject, type Rate } from './policies.ts'
import { networkOf, subjectKey } from './subject-key.ts'

/** Counts what limits do. */
export type RateLimitEvents = EventCounter<'limit' | 'subject' | 'event'>

/** Registers the counter; also where limits are off, so that an alert on it is no dead letter. */
export function createRateLimitEvents({ registry }: Pick<Metrics, 'registry'>): RateLimitEvents {
  return new EventCounter({
    name: 'payflow_rate_limit_events_total',
    help: 'Requests by limit and subject; uncounted: went on without Redis',
    labelNames: ['limit', 'subject', 'event'] as const,
    registers: [registry],
  })
}

/** Options of {@link createRateLimits}. */
export interface RateLimitOptions {
  readonly redis: Redis
  /** A count that takes longer is not waited for. */
  readonly timeoutMs: number
  readonly prefix: string
  /** The configured rate of a limit. */
  readonly rateOf: (limit: ApiRateLimit, subject: LimitSubject) => Rate
  readonly logger: Logger
  readonly events: RateLimitEvents
}

/** The limits as middleware; none where a limit does not count that subject. */
export interface RateLimits {
  handlersOf(limit: ApiRateLimit, subject: LimitSubject): RequestHandler[]
}

/** Switched off: for load on loopback. */
export const noRateLimits: RateLimits = { handlersOf: () => [] }

/**
 * Creates the limits of all routes. Routes of one kind share one count.
 *
 * A refused request is answered 429 with `Retry-After`; every counted answer says in `RateLimit`
 * and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) where the caller stands.
 */
export function createRateLimits(options: RateLimitOptions): RateLimits {
  const { redis, timeoutMs, prefix, rateOf, logger, events } = options
  const counters = new Map<string, Counter>()
  const counterOf = (limit: ApiRateLimit, subject: LimitSubject, rate: Rate): Counter => {
    const name = `${limit}-${subject}`
    const counter =
      counters.get(name) ??
      createCounter({
        redis,
        timeoutMs,
        keyPrefix: `${prefix}${name}`,
        rate,
        onRedisFailure: RATE_LIMITS[limit].onRedisFailure,
        onFailure: (err) => logger.warn({ err, limit, subject }, 'a rate limit without Redis'),
      })
    counters.set(name, counter)
    return counter
  }
  return {
    handlersOf(limit, subject) {
      if (!RATE_LIMITS[limit].rates[subject]) return []
      const rate = rateOf(limit, subject)
      const count = counterOf(limit, subject, rate)
      const name = `${limit}-${subject}`
      const check = async (req: Request, res: Response): Promise<void> => {
        const seen = await count(subjectKey(subjects[subject](req)))
        if (seen.outcome === 'uncounted') {
          events.inc({ limit, subject, event: 'uncounted' })
          return
        }
        say(res, name, rate, seen.counted)
        const event = seen.counted.allowed ? 'allowed' : 'refused'
        events.inc({ limit, subject, event: seen.by === 'memory' ? `${event}_by_memory` : event })
        if (!seen.counted.allowed) throw tooMany(seen.counted)
      }
      return [named[subject](check)]
    },
  }
}

const subjects: Readonly<Record<LimitSubject, (req: Request) => string>> = {
  address: (req) => networkOf(req.ip ?? ''),
  user: (req) => userOf(req).userId,
  // Validated and lowered by then: one account has one spelling. No network has a space in it.
  account: (req) => `${networkOf(req.ip ?? '')} ${String((req.body as { email?: unknown }).email)}`,
}

type Check = (req: Request, res: Response) => Promise<void>

/** Express names a check by its function, and the document of the checks is compared with it. */
const named: Readonly<Record<LimitSubject, (check: Check) => RequestHandler>> = {
  address: (check) =>
    async function limitAddress(req, res, next) {
      await check(req, res)
      next()
    },
  user: (check) =>
    async function limitUser(req, res, next) {
      await check(req, res)
      next()
    },
  account: (check) =>
    async function limitAccount(req, res, next) {
      await check(req, res)
      next()
    },
}

function say(res: Response, name: string, rate: Rate, { remaining, resetMs }: Counted): void {
  res.append('ratelimit-policy', `"${name}";q=${rate.requests};w=${rate.windowS}`)
  res.append('ratelimit', `"${name}";r=${remaining};t=${seconds(resetMs)}`)
}

function tooMany({ resetMs }: Counted): Error {
  const retryAfterS = Math.max(1, seconds(resetMs))
  return problem('rate-limited', {
    detail: `Too many requests; try again in ${retryAfterS} s`,
    headers: { 'retry-after': String(retryAfterS) },
  })
}

/** Whole seconds, rounded up: nobody comes too early. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}
