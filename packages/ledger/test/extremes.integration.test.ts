/* Goal: the ends of the ranges are as sound as the middle: sums beyond bigint, the id of zeros. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Fixture, movement, openFixture } from './support/fixture.ts'
import { tamper } from './support/tamper.ts'

const NIL = '00000000-0000-0000-0000-000000000000'
const MOST = 9_223_372_036_854_775_807n

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.close())

test('LEDGER-26 an account whose parts add up to more than bigint is not closed with money in it', async () => {
  const id = randomUUID()
  await fx.ledger.accounts.create(fx.db, {
    id,
    currency: 'USD',
    kind: 'liability',
    hot: 'sharded:2',
  })
  for (const last of ['00', '01']) {
    const [source, sink] = [await fx.account({ kind: 'asset' }), await fx.account()]
    const moves = [
      movement(source, id, MOST - 1n),
      movement(id, sink, last === '00' ? MOST - 1n : MOST - 8n),
    ]
    for (const move of moves) {
      const posted = await fx.ledger.transfer(fx.db, {
        ...move,
        id: randomUUID().slice(0, -2) + last,
      })
      expect(posted.outcome).toBe('created')
    }
  }
  expect(await fx.balanceMinor(id)).toBe(7n)
  expect(await fx.ledger.accounts.close(fx.db, { id })).toMatchObject({
    outcome: 'rejected',
    reason: 'balance_not_zero',
    detail: { balanceMinor: 7n },
  })
  const limits = (change: object) => fx.ledger.accounts.setLimits(fx.db, { id, ...change })
  expect(await limits({ floorMinor: 8n })).toMatchObject({ reason: 'insufficient_funds' })
  expect(await limits({ ceilingMinor: 6n })).toMatchObject({ reason: 'limit_exceeded' })
  expect(await limits({ floorMinor: 7n, ceilingMinor: 7n })).toMatchObject({ outcome: 'created' })
  expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
})

test('LEDGER-30 verify looks at the rows whose id is all zeros', async () => {
  await tamper(
    fx.db,
    `insert into ledger.hold (id, state, tombstone, settled_at) values ('${NIL}', 'released', true, now())`,
    `insert into ledger.journal (id, legs, created_at) values ('${NIL}', 2, now())`,
    `insert into ledger.reversal_total values ('${NIL}', 5, 5)`,
  )
  const found = async () =>
    (await fx.ledger.verify(fx.db)).findings.map(({ finding }) => finding).toSorted()
  expect(new Set(await found())).toEqual(
    new Set(['hold_missing', 'journal_mismatch', 'reversal_mismatch']),
  )
  await tamper(
    fx.db,
    `delete from ledger.hold where id = '${NIL}'`,
    `delete from ledger.journal where id = '${NIL}'`,
    `delete from ledger.reversal_total where transfer_id = '${NIL}'`,
    `insert into ledger.transfer (id, kind) values ('${NIL}', 'tombstone')`,
  )
  expect(await found()).toEqual(['hold_missing'])
})
