import {
  IdempotencyAlreadyInProgressError,
  IdempotencyConfig,
  IdempotencyKeyError,
  makeIdempotent,
} from '@aws-lambda-powertools/idempotency'
import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache'
import { createClient } from '@redis/client'
import type { Request, RequestHandler, Response } from 'express'
import { type Contender, nothing, userOf } from './contender.ts'
import { type ProxyResult, recorded, sendResult } from './proxy-result.ts'

interface Event {
  readonly user: string | undefined
  readonly key: string | undefined
  readonly body: unknown
}

/**
 * Made for Lambda. The wrapped function runs the Express handler and gives its answer as a Lambda
 * behind API Gateway would; key, user and body are the event, as its documents compose keys.
 */
export const powertools: Contender = {
  name: 'powertools',
  packages: ['@aws-lambda-powertools/idempotency', '@redis/client'],
  adapter:
    '60 lines: makeIdempotent() around a function that runs the Express handler and returns an API Gateway proxy result; key = [user, key], a Lambda context with the lease as remaining time; no payloadValidationJmesPath, because with it this version’s Redis layer refuses every retry (it does not write the hash of a completed record)',
  async protect(_app, { redisUrl, leaseMs = 15_000 }) {
    const client = await createClient({ url: redisUrl })
      .on('error', () => undefined)
      .connect()
    const persistenceStore = new CachePersistenceLayer({ client })
    const config = new IdempotencyConfig({
      eventKeyJmesPath: '[user, key]',
      throwOnNoIdempotencyKey: true,
      expiresAfterSeconds: 86_400,
    })
    config.registerLambdaContext({ getRemainingTimeInMillis: () => leaseMs } as never)
    const route = (path: string, handler: RequestHandler): RequestHandler[] => {
      const keyPrefix = path.replaceAll('/', '.')
      const options = { persistenceStore, config, keyPrefix, dataIndexArgument: 0 }
      return [middleware(handler, options)]
    }
    return { route, commit: nothing }
  },
}

function middleware(
  handler: RequestHandler,
  options: Parameters<typeof makeIdempotent>[1],
): RequestHandler {
  type Work = (event: Event, req: Request, res: Response) => Promise<ProxyResult>
  const run: Work = (_event, req, res) => recorded(handler, req, res)
  const once = makeIdempotent(run, options as never) as Work
  return async (req, res, next) => {
    const event = { user: userOf(req), key: req.get('idempotency-key'), body: req.body as unknown }
    try {
      sendResult(res, await once(event, req, res))
    } catch (error) {
      const status = statusOf(error)
      if (status === undefined) return next(error)
      res.status(status).json({ error: (error as Error).message })
    }
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof IdempotencyAlreadyInProgressError) return 409
  if (error instanceof IdempotencyKeyError) return 400
  return undefined
}
