/*
 * Goal: of two calls that exclude each other, the first to get the locks decides, and the other says
 * so. Method: a session of ours holds the locks until both wait for them, in the order we choose;
 * for ids, a transaction of ours that has written one and is still open.
 */
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Executor, HoldInput } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 8 })
})
afterAll(() => fx.closeSound())

type Call = (db: Executor) => Promise<{ readonly outcome: string }>

const named = (answer: { readonly outcome: string }): string =>
  Object.keys(tally([answer]))[0] ?? ''

/** Begins the call on a connection of its own; resolves when it waits for a lock. */
async function begun(call: Call): Promise<{ readonly answer: Promise<string> }> {
  const known = Promise.withResolvers<number>()
  const answer = fx.db.connection().execute(async (db) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
    known.resolve(rows[0]?.pid ?? 0)
    return named(await call(db))
  })
  const pid = await known.promise
  await waitFor(async () => {
    const { rows } = await sql`select from pg_stat_activity
      where pid = ${pid} and wait_event_type = 'Lock'`.execute(fx.db)
    return rows.length === 1
  })
  return { answer }
}

/** The answers of calls that queue for the lock of an account, in this order. */
async function inLine(
  accountId: string,
  calls: readonly Call[],
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<string[]> {
  const waiting: Promise<string>[] = []
  await fx.db.transaction().execute(async (trx) => {
    await sql`select from ledger.account where id = ${accountId}::uuid for no key update`.execute(
      trx,
    )
    for (const call of calls) waiting.push((await begun(call)).answer)
    await meanwhile()
  })
  return Promise.all(waiting)
}

async function held(rest: Partial<HoldInput> = {}) {
  const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
  const request = movement(from, to, 100n, rest)
  expect((await fx.ledger.hold(fx.db, request)).outcome).toBe('created')
  return { from, to, holdId: request.id }
}

describe('two calls in line for the same lock', () => {
  test('LEDGER-19 a capture before a release posts, and the release says so', async () => {
    const { from, holdId } = await held()
    const answers = await inLine(from, [
      (db) => fx.ledger.capture(db, { holdId }),
      (db) => fx.ledger.release(db, { holdId }),
    ])
    expect(answers).toEqual(['created', 'rejected: already_captured'])
    expect(await fx.balanceMinor(from)).toBe(900n)
  })

  test('LEDGER-19 a release before a capture keeps it from posting', async () => {
    const { from, holdId } = await held()
    const answers = await inLine(from, [
      (db) => fx.ledger.release(db, { holdId }),
      (db) => fx.ledger.capture(db, { holdId }),
    ])
    expect(answers).toEqual(['created', 'rejected: hold_released'])
    expect(await fx.availableMinor(from)).toBe(1_000n)
  })

  test('LEDGER-19 a capture that waited past the time of its hold does not post', async () => {
    const { from, holdId } = await held({ expiresInMs: 300 })
    const isExpired = async () => {
      const found = await fx.ledger.lookup(fx.db, holdId)
      return found?.kind === 'hold' && found.hold.state === 'expired'
    }
    const answers = await inLine(from, [(db) => fx.ledger.capture(db, { holdId })], () =>
      waitFor(isExpired),
    )
    expect(answers).toEqual(['rejected: hold_expired'])
    expect(await fx.availableMinor(from)).toBe(1_000n)
  })

  test('LEDGER-19 parts that together exceed the hold: the second is refused', async () => {
    const { from, to, holdId } = await held()
    const part: Call = (db) =>
      fx.ledger.capture(db, { id: movement(from, to).id, holdId, amountMinor: 60n })
    expect(await inLine(from, [part, part])).toEqual(['created', 'rejected: exceeds_hold'])
    expect(await fx.balanceMinor(to)).toBe(60n)
  })

  test('LEDGER-18 refunds that together exceed the original: the second is refused', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const paid = movement(from, to, 100n)
    expect((await fx.ledger.transfer(fx.db, paid)).outcome).toBe('created')
    const refund: Call = (db) =>
      fx.ledger.reverse(db, { id: movement(from, to).id, transferId: paid.id, amountMinor: 60n })
    const answers = await inLine(from, [refund, refund])
    expect(answers).toEqual(['created', 'rejected: exceeds_original'])
    expect(await fx.balanceMinor(from)).toBe(60n)
  })

  test('LEDGER-07 the same request twice moves money once', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to, 70n)
    const send: Call = (db) => fx.ledger.transfer(db, request)
    expect(await inLine(from, [send, send])).toEqual(['created', 'replayed'])
    expect(await fx.balanceMinor(from)).toBe(30n)
  })

  test('LEDGER-05 two debits of the whole balance: the second is refused', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const send: Call = (db) => fx.ledger.transfer(db, movement(from, to, 100n))
    const answers = await inLine(from, [send, send])
    expect(answers).toEqual(['created', 'rejected: insufficient_funds'])
  })

  test('LEDGER-09 a refusal that is remembered comes before the same request with funds', async () => {
    const [from, to] = [await fx.wallet(), await fx.wallet()]
    const request = { ...movement(from, to, 50n), onReject: 'record' } as const
    const answers = await inLine(from, [
      (db) => fx.ledger.transfer(db, request),
      (db) => fx.ledger.transfer(db, movement(fx.sourceId, from, 50n)),
      (db) => fx.ledger.transfer(db, request),
    ])
    expect(answers).toEqual([
      'rejected: insufficient_funds',
      'created',
      'rejected: previously_rejected',
    ])
  })
})

describe('an id that somebody has written and not committed', () => {
  /** The answer of a call that waits for a transaction of ours, which then ends as told. */
  async function waitedFor(first: Call, second: Call, commits: boolean): Promise<string> {
    let waiting: Promise<string> | undefined
    const work = fx.db.transaction().execute(async (trx) => {
      expect((await first(trx)).outcome).toBe('created')
      waiting = (await begun(second)).answer
      if (!commits) throw new Error('rolled back')
    })
    const end = await work.then(
      () => 'committed',
      (error: Error) => error.message,
    )
    expect(end).toBe(commits ? 'committed' : 'rolled back')
    return (await waiting) ?? ''
  }

  test.each([
    [true, 'conflict'],
    [false, 'created'],
  ])('LEDGER-08 on other accounts: committed %s, it is %s', async (commits, expected) => {
    const [a, b, c, d] = [
      await fx.wallet(100n),
      await fx.wallet(),
      await fx.wallet(100n),
      await fx.wallet(),
    ]
    const first = movement(a, b)
    const second = { ...movement(c, d), id: first.id }
    const answer = await waitedFor(
      (db) => fx.ledger.transfer(db, first),
      (db) => fx.ledger.transfer(db, second),
      commits,
    )
    expect(answer).toBe(expected)
  })

  test.each([true, false])(
    'LEDGER-19 a release waits for a hold under way (committed: %s), which then never posts',
    async (commits) => {
      const [from, to] = [await fx.wallet(100n), await fx.wallet()]
      const request = movement(from, to)
      const answer = await waitedFor(
        (db) => fx.ledger.hold(db, request),
        (db) => fx.ledger.release(db, { holdId: request.id }),
        commits,
      )
      expect(answer).toBe('created')
      expect(tally([await fx.ledger.hold(fx.db, request)])).toEqual({
        'rejected: hold_released': 1,
      })
      expect(await fx.availableMinor(from)).toBe(100n)
    },
  )
})
