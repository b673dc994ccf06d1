/*
 * Goal: history cannot be changed by a statement. Method: every table as its owner, triggers on.
 * What a superuser changes nevertheless is in verify.integration.test.ts.
 */
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Executor } from '../src/index.ts'
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

  test('LEDGER-26 a role with only the documented grants can pay and cannot touch a table', async () => {
    const role = `app_${fx.database.name}`
    await sql.raw(`create role ${role}`).execute(fx.db)
    await sql.raw(`grant usage on schema ledger to ${role}`).execute(fx.db)
    await sql.raw(`grant execute on all functions in schema ledger to ${role}`).execute(fx.db)
    const asApp = <T>(act: (trx: Executor) => Promise<T>) =>
      fx.db.transaction().execute(async (trx) => {
        await sql.raw(`set local role ${role}`).execute(trx)
        return act(trx)
      })
    try {
      const paid = await asApp((trx) => fx.ledger.transfer(trx, movement(from, to)))
      expect(paid.outcome).toBe('created')
      expect((await asApp((trx) => fx.ledger.verify(trx))).clean).toBe(true)
      for (const statement of [
        'update ledger.account set floor_minor = null',
        'update ledger.currency set exponent = 2',
        'delete from ledger.transfer',
        'select from ledger.transfer',
      ]) {
        const touched = asApp((trx) => sql.raw(statement).execute(trx))
        await expect(touched).rejects.toMatchObject({ code: '42501' })
      }
    } finally {
      await sql.raw(`drop owned by ${role}; drop role ${role}`).execute(fx.db)
    }
  })

  test('LEDGER-26 a role without grants can neither call nor read', async () => {
    const role = `stranger_${fx.database.name}`
    await sql.raw(`create role ${role}`).execute(fx.db)
    try {
      for (const right of [
        `has_schema_privilege('${role}', 'ledger', 'usage')`,
        `has_table_privilege('${role}', 'ledger.transfer', 'select')`,
        `has_function_privilege('${role}', 'ledger.release(uuid)', 'execute')`,
        `has_function_privilege('${role}', 'ledger.expire_holds(integer)', 'execute')`,
      ]) {
        const { rows } = await sql.raw<{ has: boolean }>(`select ${right} as has`).execute(fx.db)
        expect([right, rows[0]?.has]).toEqual([right, false])
      }
    } finally {
      await sql.raw(`drop role ${role}`).execute(fx.db)
    }
  })
})
