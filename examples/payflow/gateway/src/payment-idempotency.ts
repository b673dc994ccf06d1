import { userOf, type Logger, type Metrics } from '@payflow-app/service-kit'
import { createIdempotency } from '@payflow/idempotency'
import { idempotent } from '@payflow/idempotency/express'
import { telemetry } from '@payflow/idempotency/opentelemetry'
import { redisStore } from '@payflow/idempotency/redis'
import type { Request, RequestHandler } from 'express'
import type { Redis } from 'ioredis'
import { Counter } from 'prom-client'

/** Options of {@link paymentIdempotency}. */
export interface PaymentIdempotencyOptions {
  readonly redis: Redis
  readonly prefix: string
  readonly logger: Logger
  readonly metrics: Metrics
}

/**
 * One execution per user, route and key, answered from Redis for as long as it knows.
 *
 * Where Redis does not know, the request goes on: a claim that lapsed is executed again
 * (`onIndeterminate`), and without Redis there is no claim at all (`onStoreFailure`). That is right
 * here and only here, because transaction-service refuses to make a second payment of a user's key
 * by a unique row in its database. Redis makes repetitions fast; PostgreSQL makes them impossible.
 */
export function paymentIdempotency(options: PaymentIdempotencyOptions): RequestHandler {
  const { redis, prefix, logger, metrics } = options
  const events = new Counter({
    name: 'payflow_idempotency_events_total',
    help: 'What happened to requests with a key; store_failed: went on without Redis',
    labelNames: ['type'] as const,
    registers: [metrics.registry],
  })
  const traces = telemetry()
  const idempotency = createIdempotency<Request>({
    store: traces.traced(redisStore({ client: redis, prefix })),
    scope: (req) => userOf(req).userId,
    // Short, for it is also what a client is told to wait (Retry-After) while its first request is
    // in progress. A claim that lapses too early costs a second look, not a second payment.
    leaseMs: 3_000,
    commitPoint: 'explicit',
    onIndeterminate: 'execute',
    onStoreFailure: 'open',
    // Only what is final is kept: the payment, or its refusal. Anything else may turn out better
    // with the next attempt.
    storeStatus: (status) => (status === 202 || status === 422 ? 'store' : 'release'),
    onEvent(event) {
      traces.onEvent(event)
      events.inc({ type: event.type })
      if ('cause' in event) logger.warn({ err: event.cause }, `idempotency: ${event.type}`)
      else logger.debug({ event }, `idempotency: ${event.type}`)
    },
  })
  const claim = idempotent(idempotency)
  return function claimKey(req, res, next) {
    return claim(req, res, next)
  }
}
