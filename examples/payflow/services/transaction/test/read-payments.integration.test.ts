// GET /transactions and GET /transactions/:id: pages without gaps or repeats, own payments only.
import { randomUUID } from 'node:crypto'
import { expectProblem, send } from '@payflow-app/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let payments: Payments
let ada: User
let bob: User
let eve: User

beforeAll(async () => {
  payments = await Payments.start()
  const [first, second, third] = await payments.users(3)
  if (!first || !second || !third) throw new Error('three were asked for')
  ada = first
  bob = second
  eve = third
  for (let at = 0; at < 12; at += 1) {
    const [from, to] = at % 3 === 0 ? [bob, ada] : [ada, bob]
    await payments.pay(from, to, randomUUID(), { amount: 100 + at })
  }
  // Many payments in one microsecond: their ids alone tell them apart.
  await sql`update payments set created_at = date_trunc('second', created_at)`.execute(
    payments.database.db,
  )
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

async function everyPage(user: User, query: string): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const path = `/transactions?${query}${cursor === null ? '' : `&cursor=${cursor}`}`
    const { body } = await payments.get(user, path)
    ids.push(...body.items.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
  } while (cursor !== null)
  return ids
}

describe('GET /transactions', () => {
  it('lists what a user has sent and received, newest first', async () => {
    const { body } = await payments.get(ada, '/transactions')
    expect(body.nextCursor).toBeNull()
    expect(body.items).toHaveLength(12)
    const times = body.items.map(({ createdAt }: { createdAt: string }) => createdAt)
    expect(times).toEqual(times.toSorted().toReversed())
    expect(body.items[0]).toMatchObject({ status: 'PENDING', currency: 'USD' })
    expect((await payments.get(bob, '/transactions')).body.items).toEqual(body.items)
    expect((await payments.get(eve, '/transactions')).body).toEqual({ items: [], nextCursor: null })
  })

  it.each([1, 5, 11, 12, 100])('gives each payment once in pages of %i', async (limit) => {
    const ids = await everyPage(ada, `limit=${limit}`)
    expect(ids).toHaveLength(12)
    expect(new Set(ids)).toHaveLength(12)
    expect(ids).toEqual(await everyPage(ada, 'limit=100'))
  })

  it('filters by status', async () => {
    const [id = ''] = await everyPage(ada, 'limit=100')
    await sql`update payments set status = 'FAILED', failure_code = 'reversed_timeout',
      completed_at = now(), resolved_by = 'reversal' where id = ${id}`.execute(payments.database.db)
    const failed = await payments.get(ada, '/transactions?status=FAILED')
    expect(failed.body.items).toEqual([
      expect.objectContaining({ id, status: 'FAILED', failureCode: 'reversed_timeout' }),
    ])
    expect(await everyPage(ada, 'status=PENDING&limit=4')).toHaveLength(11)
    expect(await everyPage(ada, 'status=COMPLETED')).toEqual([])
  })

  it('shows nobody the payments of another, whomever the query names', async () => {
    const names = ['userId', 'fromUserId', 'from_user_id', 'user[id]', 'sub', '__proto__[userId]']
    for (const name of names) {
      const { status, body } = await payments.get(eve, `/transactions?${name}=${ada.id}`)
      expect({ name, status, body }).toEqual({
        name,
        status: 200,
        body: { items: [], nextCursor: null },
      })
    }
    // A place in somebody else's list is a place in one's own.
    const { body } = await payments.get(ada, '/transactions?limit=1')
    const there = await payments.get(eve, `/transactions?cursor=${body.nextCursor}`)
    expect(there.body).toEqual({ items: [], nextCursor: null })
  })

  it('refuses faulty queries with the field', async () => {
    const cursors = [
      'x',
      Buffer.from('{}').toString('base64url'),
      Buffer.from('["2026-01-01","nope"]').toString('base64url'),
      Buffer.from(`["0000-01-01T00:00:00.000000Z","${randomUUID()}"]`).toString('base64url'),
      'a'.repeat(5_000),
      "'or'1",
    ].map((cursor) => `cursor=${encodeURIComponent(cursor)}`)
    const others = [
      'limit=0',
      'limit=-1',
      'limit=101',
      'limit=1.5',
      'limit=1e2',
      'limit=',
      'limit=1&limit=2',
      'status=pending',
      'status=PENDING&status=FAILED',
      'status=constructor',
    ]
    for (const query of [...cursors, ...others]) {
      const answer = await payments.get(ada, `/transactions?${query}`)
      expectProblem(answer, 400, 'validation_failed', query)
    }
  })
})

describe('GET /transactions/:id', () => {
  it('shows a payment to its sender and its recipient, and to nobody else', async () => {
    const paid = await payments.pay(ada, bob)
    const path = `/transactions/${paid.body.id}`
    const { message: _, ...shown } = paid.body
    const view = { ...shown, refundedAmount: 0, refunds: [] }
    for (const user of [ada, bob]) expect((await payments.get(user, path)).body).toEqual(view)
    expectProblem(await payments.get(eve, path), 404, 'not_found')
    expectProblem(await payments.get(ada, `/transactions/${randomUUID()}`), 404, 'not_found')
    expectProblem(await send(payments.transaction.url + path), 401, 'unauthenticated')
  })

  it('answers 400 to what is no id', async () => {
    for (const id of ['bob', '1', '%00', '__proto__', "1'--", 'x'.repeat(5_000)]) {
      expectProblem(await payments.get(ada, `/transactions/${id}`), 400, undefined, id)
    }
  })
})
