import { createHash } from 'node:crypto'
import type { RequestHandler, Response } from 'express'
import { Redis } from 'ioredis'
import { type Contender, nothing, userOf } from './contender.ts'

interface Stored {
  readonly fingerprint: string
  readonly status: number
  readonly body: unknown
}

/**
 * What one writes on an afternoon, and the floor: one `SET … NX GET` before the handler, one `SET`
 * before the answer leaves. It forgets headers, knows no lapse, no owner and no other way to answer
 * than `res.json`.
 */
export const byHand: Contender = {
  name: 'by hand',
  packages: ['ioredis'],
  adapter: 'written here: SET NX GET, then SET, then the answer',
  async protect(_app, { redisUrl }) {
    const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 })
    return { route: (_path, handler) => [middleware(redis), handler], commit: nothing }
  },
}

const dayMs = 86_400_000
const pendingMs = 15_000

function middleware(redis: Redis): RequestHandler {
  return async (req, res, next) => {
    const key = req.get('idempotency-key')
    if (key === undefined) return void res.status(400).json({ error: 'no key' })
    const name = `byhand:${userOf(req)}:${req.path}:${key}`
    const fingerprint = createHash('sha256').update(JSON.stringify(req.body)).digest('base64url')
    const pending = JSON.stringify({ fingerprint, status: 0 })
    const found = await redis.set(name, pending, 'PX', pendingMs, 'NX', 'GET')
    if (found !== null) return answer(res, JSON.parse(found) as Stored, fingerprint)
    const send = res.json.bind(res)
    res.json = (body: unknown) => {
      const stored: Stored = { fingerprint, status: res.statusCode, body }
      redis.set(name, JSON.stringify(stored), 'PX', dayMs).then(() => send(body), next)
      return res
    }
    next()
  }
}

function answer(res: Response, stored: Stored, fingerprint: string): void {
  if (stored.fingerprint !== fingerprint) res.status(422).json({ error: 'another body' })
  else if (stored.status === 0) res.status(409).json({ error: 'in progress' })
  else res.status(stored.status).set('Idempotent-Replayed', 'true').json(stored.body)
}

/** The route itself. */
export const bare: Contender = {
  name: 'bare route',
  packages: ['express'],
  adapter: 'no protection at all',
  protect: async () => ({ route: (_path, handler) => [handler], commit: nothing }),
}
