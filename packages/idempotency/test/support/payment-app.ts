/*
 * The program that the chaos campaign kills: one protected route that pays. An effect is a row of a
 * table in which nothing is unique, so that every second payment can be counted. With GUARD=off only
 * Redis stands before it.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { childProbe } from '@payflow/testkit'
import express from 'express'
import { Redis } from 'ioredis'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createIdempotency } from '@payflow/idempotency'
import type { PolicyOptions } from '@payflow/idempotency'
import { getIdempotency, idempotencyProblems, idempotent } from '@payflow/idempotency/express'
import { guard } from '@payflow/idempotency/postgres'
import { redisStore } from '@payflow/idempotency/redis'
import { pay } from './guarded.ts'

const { DATABASE_URL, REDIS_URL = '', PREFIX = '', POLICY = '{}', GUARD = 'on' } = process.env
const probe = childProbe()
const client = new Redis(REDIS_URL, { maxRetriesPerRequest: 1, retryStrategy: () => 50 })
client.on('error', () => undefined) // Redis is down now and then, that is the point
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 20 })
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })

const idempotency = createIdempotency({
  store: redisStore({ client, prefix: PREFIX, deadlineMs: 250 }),
  scope: () => 'ada',
  ...(JSON.parse(POLICY) as PolicyOptions),
  probe,
})

const app = express().use(express.json())
app.post('/payments', idempotent(idempotency), async (req, res) => {
  const context = getIdempotency(req)!
  const paid = await db.transaction().execute(async (trx) => {
    const work = async (): Promise<{ id: number }> => {
      await probe('effect.begun')
      const effect = await pay(trx, context.key, req.body.amount)
      await probe('effect.done')
      return effect
    }
    return GUARD === 'on' ? guard(trx, context, work) : { value: await work() }
  })
  await probe('effect.committed')
  res.status(201).json(paid.value)
})
app.use(idempotencyProblems())

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })
