/*
 * A route that pays once per key: REDIS_URL=redis://… PORT=3000 node examples/protect-a-route.ts
 */
// #region main
import { randomUUID } from 'node:crypto'
import express from 'express'
import { Redis } from 'ioredis'
import { createIdempotency, presets } from '@payflow/idempotency'
import { idempotent } from '@payflow/idempotency/express'
import { redisStore } from '@payflow/idempotency/redis'

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1'
const store = redisStore({ client: new Redis(url, { maxRetriesPerRequest: 1 }) })
const scope = (req: express.Request) => req.get('x-user') // the user your authentication has found
const idempotency = createIdempotency({ store, scope, ...presets.payments })

const app = express().use(express.json())
app.post('/payments', idempotent(idempotency), (req, res) => {
  res.status(201).json({ id: randomUUID(), amount: req.body.amount })
})
app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1')
// #endregion main
