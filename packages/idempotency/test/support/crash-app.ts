/*
 * The program that crash tests kill: one protected route whose effect is a counter in Redis, which
 * outlives it. Its effect is not idempotent on purpose: every execution counts.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { childProbe } from '@payflow/testkit'
import express from 'express'
import { Redis } from 'ioredis'
import { createIdempotency } from '@payflow/idempotency'
import type { PolicyOptions } from '@payflow/idempotency'
import { getIdempotency, idempotent } from '@payflow/idempotency/express'
import { redisStore } from '@payflow/idempotency/redis'

const { REDIS_URL = '', PREFIX = '', POLICY = '{}' } = process.env
const redis = new Redis(REDIS_URL)
const probe = childProbe()

const idempotency = createIdempotency({
  store: redisStore({ client: redis, prefix: PREFIX, deadlineMs: 5_000 }),
  scope: () => 'ada',
  ...(JSON.parse(POLICY) as PolicyOptions),
  probe,
})

const app = express()
app.post('/', express.json(), idempotent(idempotency), async (req, res) => {
  const context = getIdempotency(req)
  await context?.commitPoint()
  await probe('handler.committed')
  const effects = await redis.incr(`${PREFIX}effects`)
  await probe('handler.done')
  res.status(201).json({ effects, attempt: context?.attempt, fence: context?.fence })
})

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
process.once('SIGTERM', () => {
  // Nothing of idempotency needs to be told: what runs keeps its claim and records its end.
  server.close(() => {
    void redis.quit().then(() => process.exit(0))
  })
  server.closeIdleConnections()
})
process.send?.({ port: (server.address() as AddressInfo).port })
