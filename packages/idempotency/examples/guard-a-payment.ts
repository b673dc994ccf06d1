/*
 * A payment that happens once even if Redis is down or forgets; needs a table
 * payment (id uuid default gen_random_uuid(), amount_minor bigint):
 * DATABASE_URL=postgres://… REDIS_URL=redis://… PORT=3000 node examples/guard-a-payment.ts
 */
// #region main
import express from 'express'
import { Redis } from 'ioredis'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { createIdempotency, presets } from '@payflow/idempotency'
import { getIdempotency, idempotencyProblems, idempotent } from '@payflow/idempotency/express'
import { guard, migrateGuard } from '@payflow/idempotency/postgres'
import { redisStore } from '@payflow/idempotency/redis'

const { DATABASE_URL, REDIS_URL = 'redis://127.0.0.1', PORT = '3000' } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL })
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
await migrateGuard(db) // with your own migrations, or with createGuardMigrations()

const store = redisStore({ client: new Redis(REDIS_URL, { maxRetriesPerRequest: 1 }) })
const scope = (req: express.Request) => req.get('x-user') // the user your authentication has found
const idempotency = createIdempotency({ store, scope, ...presets.guarded })

const app = express().use(express.json())
app.post('/payments', idempotent(idempotency), async (req, res) => {
  const payment = await db.transaction().execute((trx) =>
    guard(trx, getIdempotency(req), async () => {
      const { rows } = await sql<{ id: string }>`
        insert into payment (amount_minor) values (${req.body.amount}) returning id`.execute(trx)
      return rows[0] // kept beside the payment, and what a second execution gets
    }),
  )
  res.status(201).json(payment.value)
})
app.use(idempotencyProblems())
app.listen(Number(PORT), '127.0.0.1')
// #endregion main
