/* Goal: what an id names, or that nothing is known of it, is said in one word and with its facts. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { markOf } from '../src/transaction-fate.ts'
import { type Fixture, movement, openFixture } from './support/fixture.ts'

let fx: Fixture
let [from, to] = ['', '']
beforeAll(async () => {
  fx = await openFixture()
  ;[from, to] = [await fx.wallet(10_000n), await fx.wallet()]
})
afterAll(() => fx.closeSound())

const resolve = (id: string) => fx.ledger.resolve(fx.db, { id })

/** Places a hold and gives its id. */
async function held(expiresInMs: number | null = null): Promise<string> {
  const request = movement(from, to, 100n, { expiresInMs })
  expect((await fx.ledger.hold(fx.db, request)).outcome).toBe('created')
  return request.id
}

describe('resolve by id', () => {
  test('a transfer is posted', async () => {
    const request = movement(from, to)
    await fx.ledger.transfer(fx.db, request)
    expect(await resolve(request.id)).toMatchObject({
      state: 'posted',
      transfer: { id: request.id, kind: 'transfer', amountMinor: 100n },
    })
  })

  test('a hold is held, captured, released or expired', async () => {
    const id = await held()
    expect(await resolve(id)).toMatchObject({ state: 'held', captures: [] })
    const part = { holdId: id, id: randomUUID(), amountMinor: 30n }
    await fx.ledger.capture(fx.db, part)
    expect(await resolve(id)).toMatchObject({ state: 'held', hold: { remainingMinor: 70n } })
    expect(await resolve(part.id)).toMatchObject({ state: 'posted', transfer: { holdId: id } })
    await fx.ledger.capture(fx.db, { holdId: id })
    expect(await resolve(id)).toMatchObject({
      state: 'captured',
      hold: { capturedMinor: 100n },
      captures: [{ id: part.id }, { id }],
    })
    const [released, expired] = [await held(), await held(1)]
    await fx.ledger.release(fx.db, { holdId: released })
    expect(await resolve(released)).toMatchObject({ state: 'released', hold: { id: released } })
    await expect.poll(async () => (await resolve(expired)).state).toBe('expired')
  })

  test('an id that was never seen is not found, until it is released', async () => {
    const id = randomUUID()
    expect(await resolve(id)).toEqual({ state: 'not_found' })
    expect(await resolve('no uuid')).toEqual({ state: 'not_found' })
    await fx.ledger.release(fx.db, { holdId: id })
    expect(await resolve(id)).toEqual({ state: 'released', hold: null, captures: [] })
    expect(await fx.ledger.transfer(fx.db, { ...movement(from, to), id })).toMatchObject({
      reason: 'hold_released',
    })
  })

  test('not found is no proof: what waits for a lock comes afterwards', async () => {
    const request = movement(from, to)
    let late: Promise<unknown> | undefined
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.lock(trx, [from])
      late = fx.ledger.transfer(fx.db, request)
      expect(await resolve(request.id)).toEqual({ state: 'not_found' })
    })
    expect(await late).toMatchObject({ outcome: 'created' })
    expect(await resolve(request.id)).toMatchObject({ state: 'posted' })
  })
})

describe('resolve by xid', () => {
  /** Writes in a transaction, looks from outside, and ends it. */
  async function markedTransaction(commits: boolean) {
    const request = movement(from, to)
    let xid = ''
    const work = fx.db.transaction().execute(async (trx) => {
      expect(await markOf(trx)).toBeNull()
      await fx.ledger.transfer(trx, request)
      xid = (await markOf(trx)) ?? ''
      expect(await fx.ledger.resolve(fx.db, { xid })).toEqual({ state: 'in_progress' })
      if (!commits) throw new Error('roll back')
    })
    await work.catch(() => undefined)
    return { xid, id: request.id }
  }

  test('tells committed from aborted, and names what the id names', async () => {
    const done = await markedTransaction(true)
    expect(await fx.ledger.resolve(fx.db, { xid: done.xid })).toEqual({ state: 'committed' })
    expect(await fx.ledger.resolve(fx.db, done)).toMatchObject({ state: 'posted' })
    const undone = await markedTransaction(false)
    expect(await fx.ledger.resolve(fx.db, { xid: undone.xid })).toEqual({ state: 'aborted' })
    expect(await fx.ledger.resolve(fx.db, undone)).toEqual({ state: 'aborted' })
  })

  test('of another run of the server only the id tells', async () => {
    const { xid, id } = await markedTransaction(true)
    const elsewhere = xid.replace(/@\d+/, '@1')
    expect(await fx.ledger.resolve(fx.db, { xid: elsewhere })).toEqual({ state: 'undetermined' })
    expect(await fx.ledger.resolve(fx.db, { xid: elsewhere, id })).toMatchObject({
      state: 'posted',
    })
    const unused = { xid: elsewhere, id: randomUUID() }
    expect(await fx.ledger.resolve(fx.db, unused)).toEqual({ state: 'not_found' })
  })

  test('of a transaction that the server has forgotten only the id tells', async () => {
    const { xid } = await markedTransaction(true)
    const forgotten = xid.replace(/^\d+/, '0') // before all that PostgreSQL keeps
    expect(await fx.ledger.resolve(fx.db, { xid: forgotten })).toEqual({ state: 'undetermined' })
  })

  test.each([{}, { xid: '' }, { xid: '12' }, { xid: '12@' }, { xid: 7 as never }])(
    'refuses %j',
    async (input) => {
      const refused = fx.ledger.resolve(fx.db, input)
      await expect(refused).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    },
  )
})
