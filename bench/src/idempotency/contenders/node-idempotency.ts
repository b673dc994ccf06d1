import { Idempotency, IdempotencyError, IdempotencyErrorCodes } from '@node-idempotency/core'
import type { IdempotencyParams, IdempotencyResponse } from '@node-idempotency/core'
import { RedisStorageAdapter } from '@node-idempotency/storage-adapter-redis'
import type { RequestHandler, Response } from 'express'
import { type Contender, nothing } from './contender.ts'

const statuses: Readonly<Record<IdempotencyErrorCodes, number>> = {
  [IdempotencyErrorCodes.IDEMPOTENCY_FINGERPRINT_MISSMATCH]: 422,
  [IdempotencyErrorCodes.IDEMPOTENCY_KEY_LEN_EXEEDED]: 400,
  [IdempotencyErrorCodes.IDEMPOTENCY_KEY_MISSING]: 400,
  [IdempotencyErrorCodes.REQUEST_IN_PROGRESS]: 409,
}

/**
 * Its Express plugin is not on the registry. This does what the plugin's documents describe around
 * the two calls of the core, and is kinder in three places: errors of Redis reach the error
 * handler, a store that fails after the answer does not end the process, and a falsy body is sent.
 */
export const nodeIdempotency: Contender = {
  name: 'node-idempotency',
  packages: ['@node-idempotency/core', '@node-idempotency/storage-adapter-redis'],
  adapter:
    '40 lines around onRequest/onResponse, like its Express plugin (not on the registry): res.send is wrapped, status and content type are stored; enforceIdempotency: true',
  async protect(_app, { redisUrl }) {
    const storage = new RedisStorageAdapter({ url: redisUrl })
    await storage.connect()
    const idempotency = new Idempotency(storage, { enforceIdempotency: true })
    return { route: (_path, handler) => [middleware(idempotency), handler], commit: nothing }
  },
}

function middleware(idempotency: Idempotency): RequestHandler {
  return async (req, res, next) => {
    const asked: IdempotencyParams = {
      headers: req.headers,
      body: req.body as Record<string, unknown>,
      path: req.url,
      method: req.method,
    }
    try {
      const stored = await idempotency.onRequest(asked)
      if (stored !== undefined) return replay(res, stored)
    } catch (error) {
      if (error instanceof IdempotencyError) {
        const status = statuses[error.code]
        if (status === 409) res.set('Retry-After', '1')
        return void res.status(status).json({ error: error.message })
      }
      return next(error)
    }
    const send = res.send.bind(res)
    res.send = (body) => {
      const additional = { statusCode: res.statusCode, 'Content-Type': res.get('content-type') }
      const payload = parsed(res, body)
      const answer =
        res.statusCode < 400 ? { additional, body: payload } : { additional, error: payload }
      idempotency.onResponse(asked, answer).catch(() => undefined)
      return send(body)
    }
    next()
  }
}

function parsed(res: Response, body: unknown): unknown {
  if (typeof body !== 'string' || !res.get('content-type')?.includes('json')) return body
  return JSON.parse(body) as unknown
}

function replay(res: Response, { additional = {}, body, error }: IdempotencyResponse): void {
  const type = additional['Content-Type']
  if (typeof type === 'string') res.type(type)
  res.status((additional['statusCode'] as number | undefined) ?? 200)
  res.set('Idempotent-Replayed', 'true')
  const payload = error ?? body
  if (typeof type === 'string' && type.includes('json')) res.json(payload)
  else res.send(payload)
}
