import { createIdempotency, presets } from '@payflow/idempotency'
import { getIdempotency, idempotent } from '@payflow/idempotency/express'
import { redisStore } from '@payflow/idempotency/redis'
import type { Request } from 'express'
import { Redis } from 'ioredis'
import { type Contender, userOf } from './contender.ts'

/** Ours, as its README says. */
export const payflow: Contender = {
  name: 'payflow',
  packages: ['@payflow/idempotency', 'ioredis'],
  adapter:
    'none: idempotent() under presets.payments, as in its README; for the scoreboard its handlers say where their effect begins, with commitPoint()',
  async protect(_app, { redisUrl, leaseMs, explicitCommit }) {
    const client = new Redis(redisUrl, { maxRetriesPerRequest: 1 })
    client.on('error', () => undefined)
    const idempotency = createIdempotency({
      store: redisStore({ client }),
      scope: (req: Request) => userOf(req),
      ...presets.payments,
      ...(explicitCommit === true ? { commitPoint: 'explicit' } : {}),
      ...(leaseMs === undefined ? {} : { leaseMs }),
    })
    return {
      route: (_path, handler) => [idempotent(idempotency), handler],
      commit: async (req) => getIdempotency(req)?.commitPoint(),
    }
  },
}
