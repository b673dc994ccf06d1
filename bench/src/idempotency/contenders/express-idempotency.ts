import type { RequestHandler } from 'express'
import expressIdempotency, { type IIdempotencyDataAdapter } from 'express-idempotency'
import redisAdapter from 'express-idempotency-redis-adapter'
import { type Contender, nothing } from './contender.ts'

const { getSharedIdempotencyService, idempotency } = expressIdempotency
const { default: RedisAdapter } = redisAdapter

/** As its README says: the middleware, `isHit` first in the handler, `reportError` when it fails. */
export const expressIdempotencyRedis: Contender = {
  name: 'express-idempotency',
  packages: ['express-idempotency', 'express-idempotency-redis-adapter'],
  adapter: 'none but its README’s own lines in the handler: isHit() first, reportError() on errors',
  async protect(_app, { redisUrl }) {
    const adapter = new RedisAdapter({ connectionConfig: { url: redisUrl } })
    await adapter.connect()
    // Its types were written for a compiler that reads `x?: T` more loosely.
    const dataAdapter = adapter as unknown as IIdempotencyDataAdapter
    const middleware = idempotency({ dataAdapter }) as RequestHandler
    return { route: (_path, handler) => [middleware, checked(handler)], commit: nothing }
  },
}

function checked(handler: RequestHandler): RequestHandler {
  return async (req, res, next) => {
    const service = getSharedIdempotencyService()
    if (service.isHit(req)) return
    try {
      await handler(req, res, next)
    } catch (error) {
      await service.reportError(req)
      throw error
    }
  }
}
