import express from 'express'
import type { ErrorRequestHandler, Express, Request, RequestHandler } from 'express'
import { createIdempotency, presets } from '../../src/index.ts'
import type {
  Idempotency,
  IdempotencyEvent,
  IdempotencyOptions,
  IdempotencyStore,
} from '../../src/index.ts'
import { idempotent } from '../../src/express/index.ts'
import type { IdempotentRouteOptions } from '../../src/express/index.ts'
import { serve } from './http.ts'
import type { TestApp } from './http.ts'
import { isolatedStore } from './redis.ts'

export interface ProtectedApp extends TestApp {
  readonly idempotency: Idempotency<Request>
  readonly events: IdempotencyEvent[]
  /** Types of the events so far. */
  seen(): string[]
}

export interface ProtectedAppOptions extends Partial<IdempotencyOptions<Request>> {
  readonly store?: IdempotencyStore
  readonly route?: IdempotentRouteOptions
  readonly onError?: ErrorRequestHandler
  /** Adds to the app, before the protected route. */
  readonly before?: (app: Express) => void
}

/** One POST route at `/` under the payments preset, on real Redis. The user is a header. */
export async function serveProtected(
  handler: RequestHandler,
  { route, onError, before, ...options }: ProtectedAppOptions = {},
): Promise<ProtectedApp> {
  const events: IdempotencyEvent[] = []
  const idempotency = createIdempotency({
    store: options.store ?? isolatedStore(),
    scope: (req: Request) => req.get('x-user') ?? 'ada',
    ...presets.payments,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const app = await serve((server) => {
    before?.(server)
    server.use(express.json())
    server.post('/', idempotent(idempotency, route), handler)
    if (onError !== undefined) server.use(onError)
  })
  const seen = (): string[] => events.map((event) => event.type)
  return Object.assign(app, { idempotency, events, seen })
}

/** Counts its calls and answers 201 with the count. */
export function countingHandler(): RequestHandler & { calls: number } {
  const handler: RequestHandler & { calls: number } = Object.assign(
    ((_req, res) => {
      handler.calls += 1
      res.status(201).json({ call: handler.calls })
    }) as RequestHandler,
    { calls: 0 },
  )
  return handler
}
