/*
 * Goal: history cannot be changed by a statement, and `verify` names what a superuser changed
 * nevertheless. Method: every table as its owner with triggers on, then with triggers off.
 */
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Executor, Finding } from '../src/index.ts'
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

const tampering: readonly (readonly [what: string, make: () => string, found: string[]])[] = [
  [
    'a raised balance',
    () =>
      `update ledger.account set posted_credits_minor = posted_credits_minor + 7 where id = '${from}'`,
    ['balance_mismatch', 'currency_unbalanced'],
  ],
  [
    'a changed amount',
    () => `update ledger.transfer set amount_minor = 99 where id = '${transferId}'`,
    ['balance_mismatch', 'balance_mismatch', 'running_balance_mismatch'],
  ],
  [
    'a deleted journal row',
    () => `delete from ledger.transfer where id = '${transferId}'`,
    [
      'balance_mismatch',
      'balance_mismatch',
      'running_balance_mismatch',
      'sequence_gap',
      'sequence_gap',
    ],
  ],
  [
    'an invented journal row',
    () => `insert into ledger.transfer (id, kind, debit_id, credit_id, amount_minor,
      currency, debit_seq, credit_seq, debit_balance_minor, credit_balance_minor, debit_hash,
      credit_hash)
      select gen_random_uuid(), 'transfer', '${from}', '${to}', 1, 'USD', 50, 50, 0, 0, '', ''`,
    [
      'balance_mismatch',
      'balance_mismatch',
      'running_balance_mismatch',
      'sequence_gap',
      'sequence_gap',
    ],
  ],
  [
    'a row moved to another account',
    () => `update ledger.transfer set credit_id = gen_random_uuid() where id = '${transferId}'`,
    ['account_missing', 'balance_mismatch', 'running_balance_mismatch', 'sequence_gap'],
  ],
  [
    'a row in another currency',
    () => `update ledger.transfer set currency = 'EUR' where id = '${transferId}'`,
    ['currency_mismatch', 'currency_mismatch'],
  ],
  [
    'a hold that lost its counter',
    () => `update ledger.account set pending_debits_minor = 0 where id = '${to}'`,
    ['hold_leak'],
  ],
  [
    'a released hold still counted',
    () => `update ledger.hold set state = 'released', settled_at = now() where id = '${holdId}'`,
    ['hold_leak', 'hold_leak'],
  ],
  [
    'a capture not counted',
    () => `update ledger.hold set captured_minor = 0 where id = '${holdId}'`,
    ['hold_capture_mismatch', 'hold_leak', 'hold_leak'],
  ],
  [
    'a deleted hold',
    () => `delete from ledger.hold where id = '${holdId}'`,
    ['hold_leak', 'hold_leak', 'hold_missing'],
  ],
]

describe('verify', () => {
  test('finds nothing in a sound ledger', async () => {
    expect(await fx.ledger.verify(fx.db)).toEqual({
      clean: true,
      findings: [],
      accounts: 3n,
      transfers: 4n,
      holds: 1n,
    })
  })

  test.each(tampering)('LEDGER-26 names what a superuser did: %s', async (_, make, kinds) => {
    await tamper(make())
    const { clean, findings } = await fx.ledger.verify(fx.db)
    expect(clean).toBe(false)
    const found = findings.map((finding: Finding) => finding.finding)
    for (const kind of kinds) expect(found).toContain(kind)
    expect(new Set(found)).toEqual(new Set(kinds))
  })

  test('says what it expected and what it read', async () => {
    await tamper(`update ledger.account set posted_credits_minor = 1007 where id = '${from}'`)
    const { findings } = await fx.ledger.verify(fx.db)
    expect(findings).toContainEqual({
      finding: 'balance_mismatch',
      subject: from,
      field: 'posted_credits_minor',
      expected: '1010',
      actual: '1007',
    })
  })

  test('lists at most the findings asked for', async () => {
    await tamper(`delete from ledger.transfer where id = '${transferId}'`)
    expect((await fx.ledger.verify(fx.db, { findingsMax: 2 })).findings).toHaveLength(2)
  })

  async function tamper(statement: string): Promise<void> {
    await fx.db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx) // a superuser's switch: no triggers
      await sql.raw(statement).execute(trx)
    })
  }
})
