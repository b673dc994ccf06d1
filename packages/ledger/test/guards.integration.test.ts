/*
 * Goal: history cannot be changed by a statement. Method: every table as its owner, triggers on.
 * What a superuser changes nevertheless is in verify.integration.test.ts.
 */
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture } from './support/fixture.ts'

let fx: Fixture
let from: string
let to: string
let transferId: string
let holdId: string

beforeEach(async () => {
  fx = await openFixture({ connectionsMax: 2 })
  ;[from, to] = [await fx.wallet(1_000n), await fx.wallet(500n)]
  const transfer = movement(from, to, 100n)
  const hold = movement(to, from, 50n)
  transferId = transfer.id
  holdId = hold.id
  await fx.ledger.transfer(fx.db, transfer)
  await fx.ledger.hold(fx.db, hold)
  await fx.ledger.capture(fx.db, { id: movement(from, to).id, holdId, amountMinor: 10n })
})
afterEach(() => fx.close())

const statements: readonly (readonly [name: string, make: () => string])[] = [
  [
    'UPDATE of a journal row',
    () => `update ledger.transfer set amount_minor = 1 where id = '${transferId}'`,
  ],
  ['DELETE of a journal row', () => `delete from ledger.transfer where id = '${transferId}'`],
  ['TRUNCATE of the journal', () => 'truncate ledger.transfer'],
  ['DELETE of a hold', () => `delete from ledger.hold where id = '${holdId}'`],
  ['TRUNCATE of the holds', () => 'truncate ledger.hold'],
  [
    'another amount of a hold',
    () => `update ledger.hold set amount_minor = 99 where id = '${holdId}'`,
  ],
  [
    'a hold captured less',
    () => `update ledger.hold set captured_minor = 0 where id = '${holdId}'`,
  ],
  [
    'a later expiry of a hold',
    () => `update ledger.hold set expires_at = now() where id = '${holdId}'`,
  ],
  ['DELETE of an account', () => `delete from ledger.account where id = '${from}'`],
  ['TRUNCATE of the accounts', () => 'truncate ledger.account'],
  [
    'a balance without a journal row',
    () =>
      `update ledger.account set posted_credits_minor = posted_credits_minor + 1000000 where id = '${from}'`,
  ],
  [
    'a sequence without a journal row',
    () => `update ledger.account set seq = seq + 1 where id = '${from}'`,
  ],
  [
    'a balance reduced',
    () =>
      `update ledger.account set posted_credits_minor = 999, seq = seq + 1 where id = '${from}'`,
  ],
  [
    'another currency of an account',
    () => `update ledger.account set currency = 'EUR' where id = '${from}'`,
  ],
  [
    'another kind of account',
    () => `update ledger.account set kind = 'expense' where id = '${fx.sourceId}'`,
  ],
  [
    'another exponent of a currency',
    () => `update ledger.currency set exponent = 0 where code = 'USD'`,
  ],
  ['DELETE of a currency', () => `delete from ledger.currency where code = 'JPY'`],
]

describe('append-only', () => {
  test.each(statements)('LEDGER-26 the owner cannot do it: %s', async (_, make) => {
    await expect(sql.raw(make()).execute(fx.db)).rejects.toMatchObject({ code: 'LG900' })
    expect((await fx.ledger.verify(fx.db)).clean).toBe(true)
  })

  test('LEDGER-26 a settled hold cannot be opened again', async () => {
    await fx.ledger.release(fx.db, { holdId })
    const reopen = `update ledger.hold set state = 'open', settled_at = null where id = '${holdId}'`
    await expect(sql.raw(reopen).execute(fx.db)).rejects.toMatchObject({ code: 'LG900' })
  })

  test('LEDGER-26 a row with one side cannot be inserted', async () => {
    const oneSided = `insert into ledger.transfer (id, kind, debit_id, amount_minor, currency, debit_seq,
      debit_balance_minor) values (gen_random_uuid(), 'transfer', '${from}', 5, 'USD', 99, 5)`
    await expect(sql.raw(oneSided).execute(fx.db)).rejects.toMatchObject({
      constraint: 'transfer_whole_or_without_money',
    })
  })
})
