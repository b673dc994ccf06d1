// How payments as a whole are doing: counted by the database whoever writes, exported as metrics,
// told by GET /status and, when they are out of order, by the log.
import { send } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldTally } from '../src/sql/fold-tally.ts'
import { readFlow } from '../src/sql/read-flow.ts'
import { Payments, type User } from './support/payments.ts'

let payments: Payments
let ada: User
let bob: User

beforeAll(async () => {
  payments = await Payments.start()
  ;[ada, bob] = (await payments.users(2)) as [User, User]
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

/** Accepts payments and ends them the way the worker or the reversal job writes it. */
async function settled(count: number, status: string, by: string): Promise<void> {
  const ids = await accepted(count)
  const failureCode = status === 'FAILED' ? 'reversed_timeout' : null
  await sql`update payments set status = ${status}, failure_code = ${failureCode},
    completed_at = now(), resolved_by = ${by} where id = any(${ids}::uuid[])`.execute(
    payments.database.db,
  )
}

async function accepted(count: number): Promise<string[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, () => payments.pay(ada, bob, undefined, { amount: 1 })),
  )
  return answers.map(({ body }) => body.id as string)
}

async function metrics(): Promise<Record<string, number>> {
  const { body } = await send(`${payments.transaction.url}/metrics`)
  const lines = (body as string).matchAll(
    /^payflow_(payments_(?:created|completed|failed)_total|payments_pending|reversals_total|payment_flow|reversal_last_\w+)\{([^}]*)\} (\S+)$/gm,
  )
  return Object.fromEntries(
    [...lines].map(([, name = '', labels = '', value]) => {
      const [label] = /(?<=(?:outcome|state)=")\w+/.exec(labels) ?? []
      return [label === undefined ? name : `${name} ${label}`, Number(value)]
    }),
  )
}

/** All of it but the judgement, which changes when a pending payment gets a minute old. */
async function counts(): Promise<Record<string, number>> {
  const all = Object.entries(await metrics())
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('payment_flow')))
}

const status = async () => (await send(`${payments.transaction.url}/status`)).body as unknown
const tells = (flow: string) =>
  waitFor(async () => JSON.stringify(await status()) === JSON.stringify({ payments: flow }), {
    message: `payments to be ${flow}`,
  })
const logged = (text: string) =>
  waitFor(() =>
    payments.transaction.child
      .stdout()
      .split('\n')
      .filter((line) => line.includes(text))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .at(-1),
  )

describe('payments in order', () => {
  it('are counted as they were created and as they ended, from the database', async () => {
    await settled(3, 'COMPLETED', 'worker')
    await settled(1, 'COMPLETED', 'reversal')
    await settled(2, 'FAILED', 'worker')
    expect(await metrics()).toMatchObject({
      'payment_flow normal': 1,
      'payment_flow stalled': 0,
      'payment_flow reversing': 0,
    })
    await tells('normal')
    await accepted(1)
    expect(await counts()).toEqual({
      payments_created_total: 7,
      payments_completed_total: 4,
      payments_failed_total: 2,
      payments_pending: 1,
      'reversals_total reversed': 0,
      'reversals_total completed': 1,
    })
  })

  it('show when the reversal job ran last, once it did', async () => {
    const { db } = payments.database
    await sql`insert into reversal.job (name, last_ended_at, last_success_at)
      values ('payments', to_timestamp(1700000000), to_timestamp(1600000000))`.execute(db)
    expect(await metrics()).toMatchObject({
      reversal_last_run_timestamp_seconds: 1_700_000_000,
      reversal_last_success_timestamp_seconds: 1_600_000_000,
    })
  })

  it('count the same after a restart, and after the tally was folded', async () => {
    const { db } = payments.database
    await sql`insert into payment_tally (minute, event, payments, last_at)
      select date_trunc('minute', now()) - interval '2 days' * n, 'created', 1, now()
      from generate_series(1, 3) as n`.execute(db)
    const before = await counts()
    expect(before).toMatchObject({ payments_created_total: 10 })
    // The service folds as well, once a minute: whoever does it, one row is left of what is old.
    await waitFor(async () => {
      await foldTally(db)
      const { rows } = await sql<{ minute: string }>`select minute::text from payment_tally
        where event = 'created' and minute < now() - interval '1 day'`.execute(db)
      return rows.map(({ minute }) => minute).join() === '-infinity'
    })
    expect(await counts()).toEqual(before)
    await payments.transaction.restart()
    expect(await counts()).toEqual(before)
  })

  it('are folded however many there are, and not again when they are', async () => {
    const { db } = payments.database
    const before = await readFlow(db)
    await sql`insert into payment_tally (minute, event, payments, last_at)
      select date_trunc('minute', now()) - interval '1 minute' * (n % 3 + 1), 'created', 1, now()
      from generate_series(1, 25000) as n`.execute(db)
    const folded = async (): Promise<string[]> => {
      await foldTally(db)
      const rows = await sql<{ id: string }>`select id from payment_tally where payments > 8000
        order by id`.execute(db)
      return rows.rows.map(({ id }) => id)
    }
    await waitFor(async () => (await folded()).length === 3)
    expect((await readFlow(db)).totals.created).toBe(before.totals.created + 25_000)
    const ids = await folded()
    expect(await folded()).toEqual(ids)
    await sql`delete from payment_tally where payments > 8000`.execute(db)
  })

  it('count what is committed, once, and hold up nobody who counts at the same time', async () => {
    const { totals } = await readFlow(payments.database.db)
    const ids = await accepted(8)
    const held = Promise.withResolvers<void>()
    const frozen = payments.database.db.transaction().execute(async (trx) => {
      await sql`update payments set status = 'COMPLETED', completed_at = now(),
        resolved_by = 'worker' where id = ${ids[0]}`.execute(trx)
      await held.promise
      throw new Error('rolled back')
    })
    // As many as there are connections, each beside the one that stands still.
    await Promise.all(
      ids.slice(1).map((id) =>
        sql`update payments set status = 'COMPLETED', completed_at = now(),
          resolved_by = 'worker' where id = ${id}`.execute(payments.database.db),
      ),
    )
    await Promise.all([foldTally(payments.database.db), foldTally(payments.database.db)])
    held.resolve()
    await expect(frozen).rejects.toThrow('rolled back')
    expect((await readFlow(payments.database.db)).totals).toEqual({
      ...totals,
      created: totals.created + 8,
      completed: totals.completed + 7,
    })
  })

  it('are read from what is pending and the tally, however long the history is', async () => {
    const { db } = payments.database
    await sql`insert into payments (id, from_user_id, to_user_id, amount_minor, currency, status,
        idempotency_key, fingerprint, message_id, created_at, completed_at, resolved_by)
      select gen_random_uuid(), ${ada.id}, ${bob.id}, 1, 'USD', 'COMPLETED', n::text, '',
        gen_random_uuid(), now() - interval '1 year', now() - interval '1 year', 'worker'
      from generate_series(1, 20000) as n`.execute(db)
    await sql`update payment_tally set minute = minute - interval '1 year'`.execute(db)
    await sql`analyze payments`.execute(db)
    const explained = await sql<{ 'QUERY PLAN': string }>`explain
      select created_at from public.payments where status = 'PENDING' and dispatched_at is null
      union all
      select created_at from public.payments where status = 'PENDING' and dispatched_at is not null
    `.execute(db)
    const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).toContain('payments_undispatched')
    expect(plan).toContain('payments_unprocessed')
    expect(plan).not.toContain('Seq Scan')
  })
})

describe('payments out of order', () => {
  it('REV-11 are called stalled when nothing has completed of what waits for over a minute', async () => {
    const [id] = await accepted(1)
    await sql`update payment_tally set last_at = now() - interval '2 minutes'`.execute(
      payments.database.db,
    )
    await sql`update payments set created_at = now() - interval '61 seconds'
      where id = ${id}`.execute(payments.database.db)
    await tells('stalled')
    expect(await metrics()).toMatchObject({ 'payment_flow stalled': 1, 'payment_flow normal': 0 })
    expect(await logged('payments are accepted and none is completed')).toMatchObject({
      level: 'error',
      event: 'payment_flow',
      flow: 'stalled',
    })
  })

  it('REV-11 are called reversing when too many are given up, and in order again after', async () => {
    await settled(5, 'FAILED', 'reversal')
    await tells('reversing')
    expect(await metrics()).toMatchObject({
      'payment_flow reversing': 1,
      'reversals_total reversed': 5,
    })
    const line = await logged('payments are being reversed instead of executed')
    expect(line).toMatchObject({ level: 'error', flow: 'reversing' })

    // Later: no reversal for two minutes, and payments complete.
    await sql`update payment_tally set last_at = now() - interval '121 seconds'
      where event = 'reversed'`.execute(payments.database.db)
    await settled(1, 'COMPLETED', 'worker')
    await tells('normal')
  })

  it('say nothing rather than something old while the database cannot be read', async () => {
    const { db } = payments.database
    await sql`alter table payment_tally rename to payment_tally_away`.execute(db)
    expect(await metrics()).toEqual({})
    await sql`alter table payment_tally_away rename to payment_tally`.execute(db)
    expect(await metrics()).toMatchObject({ 'payment_flow normal': 1 })
  })
})
