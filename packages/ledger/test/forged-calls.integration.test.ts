/*
 * Goal: whoever may execute the functions can write no row that they did not decide. Method: as the
 * application's role, in SQL, each verb is called with arguments that the library never sends; each
 * call must raise, and leave nothing behind.
 */
import { randomUUID } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLedger, migrateLedger } from '../src/index.ts'
import { movement } from './support/fixture.ts'
import { connectAs, type TestRoles, testRoles } from './support/roles.ts'

const ledger = createLedger()
const [bank, wallet] = [randomUUID(), randomUUID()].toSorted() as [string, string]
const [first, second, held] = [randomUUID(), randomUUID(), randomUUID()]
const moved = movement(bank, wallet, 100n)

let roles: TestRoles
let database: TestDatabase
let app: Kysely<any>

beforeAll(async () => {
  roles = testRoles()
  database = await createTestDatabase({
    migrate: (db) => migrateLedger(db, { roles: roles.names }),
  })
  app = connectAs(database, await roles.login('', roles.names.app))
  for (const id of [bank, wallet]) {
    await ledger.accounts.create(app, { id, currency: 'USD', kind: 'liability' })
  }
  await ledger.transfer(app, moved)
  await ledger.hold(app, { ...movement(bank, wallet, 50n), id: held })
  await ledger.sealPeriod(database.db, { until: new Date('2026-02-01T00:00:00Z') })
})
afterAll(async () => {
  await app.destroy()
  await database.dispose()
  await roles[Symbol.asyncDispose]()
})

async function written() {
  const { rows } = await database.pool.query<object>(`select
    (select json_agg(a order by id) from ledger.account a)::text as accounts,
    (select count(*) from ledger.transfer) as transfers, (select count(*) from ledger.hold) as holds,
    (select count(*) from ledger.journal) as journals`)
  return rows
}

/** SQLSTATE of a call that must not succeed; the books must be as they were. */
async function refusedWith(statement: string): Promise<string> {
  const before = await written()
  const error: unknown = await sql
    .raw(statement)
    .execute(app)
    .then(
      ({ rows }) => ({ code: `answered ${JSON.stringify(rows)}` }),
      (reason: unknown) => reason,
    )
  expect(await written()).toEqual(before)
  expect((await ledger.verify(database.db)).findings).toEqual([])
  return String((error as { code?: unknown }).code)
}

const SOUND = {
  p_accounts: `'{${bank},${wallet}}'`,
  p_ids: `'{${first},${second}}'`,
  p_firsts: 'null',
  p_debits: `'{1,1}'`,
  p_credits: `'{2,2}'`,
  p_amounts: `'{100,100}'`,
  p_currencies: `'{USD,USD}'`,
  p_codes: 'null',
  p_metadata: 'null',
  p_effective: 'null',
  p_record: 'null',
}

const many = (forged: Partial<typeof SOUND>): string =>
  Object.entries({ ...SOUND, ...forged })
    .map(([name, value]) => `${name} => ${value}`)
    .join(', ')

const FORGERIES: readonly [title: string, forged: Partial<typeof SOUND>][] = [
  ['amounts from 0', { p_amounts: `'[0:2]={999999,100,100}'` }],
  ['amounts from 0, as many as ids', { p_amounts: `'[0:1]={999999,100}'` }],
  ['amounts of two dimensions', { p_amounts: `'{{100,100}}'` }],
  ['too many amounts', { p_amounts: `'{100,100,100}'` }],
  ['an amount of null', { p_amounts: `'{100,NULL}'` }],
  ['an amount of 0', { p_amounts: `'{100,0}'` }],
  ['a negative amount', { p_amounts: `'{100,-100}'` }],
  ['no amounts', { p_amounts: 'null' }],
  ['times of two dimensions', { p_effective: `'{{2020-01-01,2020-01-01}}'` }],
  ['one time of two dimensions', { p_effective: `'{{2020-01-01}}'` }],
  ['times from 0', { p_effective: `'[0:1]={2020-01-01,2026-06-01}'` }],
  ['currencies of two dimensions', { p_currencies: `'{{EUR,EUR}}'` }],
  ['currencies from 0', { p_currencies: `'[0:2]={EUR,USD,USD}'` }],
  ['a currency of null', { p_currencies: `'{USD,NULL}'` }],
  ['codes from 0', { p_codes: `'[0:1]={a,b}'` }],
  ['metadata of two dimensions', { p_metadata: `array[array['{}'::jsonb, '{}']]` }],
  ['records from 2', { p_record: `'[2:3]={true,true}'` }],
  ['ids from 0', { p_ids: `'[0:1]={${first},${second}}'` }],
  ['ids of two dimensions', { p_ids: `'{{${first},${second}}}'` }],
  ['an id of null', { p_ids: `'{${first},NULL}'` }],
  ['no items', { p_ids: `'{}'` }],
  ['debits from 0', { p_debits: `'[0:2]={2,1,1}'` }],
  ['credits of two dimensions', { p_credits: `'{{2,2}}'` }],
  ['a place after the accounts', { p_credits: `'{2,3}'` }],
  ['a place before the accounts', { p_debits: `'{0,1}'` }],
  ['a place of null', { p_debits: `'{1,NULL}'` }],
  ['an account to itself', { p_credits: `'{2,1}'` }],
  ['accounts from 0', { p_accounts: `'[0:1]={${bank},${wallet}}'` }],
  ['accounts out of order', { p_accounts: `'{${wallet},${bank}}'` }],
  ['an account twice', { p_accounts: `'{${bank},${bank}}'` }],
  ['an account of null', { p_accounts: `'{${bank},NULL}'` }],
  ['a repeated id that is none', { p_firsts: `'{1,1}'` }],
  ['a repeated id of a later item', { p_ids: `'{${first},${first}}'`, p_firsts: `'{2,2}'` }],
  ['a first that is not marked', { p_ids: `'{${first},${first}}'`, p_firsts: `'{NULL,1}'` }],
]

describe('a batch whose arrays do not fit together', () => {
  test.each(FORGERIES)('LEDGER-26 with %s is refused whole', async (_, forged) => {
    expect(await refusedWith(`select ledger.transfer_many(${many(forged)})`)).toBe('22023')
    const journal = `'${randomUUID()}', null, null, null, ${many(forged)}`
    expect(await refusedWith(`select ledger.journal(${journal})`)).toBe('22023')
  })

  test('LEDGER-26 a journal with a leg twice is refused whole', async () => {
    const forged = many({ p_ids: `'{${first},${first}}'`, p_firsts: `'{1,1}'` })
    const journal = `'${randomUUID()}', null, null, null, ${forged}`
    expect(await refusedWith(`select ledger.journal(${journal})`)).toBe('22023')
  })

  test('LEDGER-26 an id twice that is not marked is refused whole', async () => {
    const forged = many({ p_ids: `'{${first},${first}}'` })
    expect(await refusedWith(`select ledger.transfer_many(${forged})`)).toBe('P0001')
  })
})

describe('a single call with arguments that the library never sends', () => {
  const [id, other] = [randomUUID(), randomUUID()]
  const pair = `'${bank}', '${wallet}'`
  const movementCalls = (verb: string, last: string) => [
    `${verb}(null, ${pair}, 1, 'USD', null, null, ${last})`,
    `${verb}('${id}', ${pair}, null, 'USD', null, null, ${last})`,
    `${verb}('${id}', ${pair}, 0, 'USD', null, null, ${last})`,
    `${verb}('${id}', ${pair}, -1, 'USD', null, null, ${last})`,
    `${verb}('${id}', ${pair}, 1, null, null, null, ${last})`,
    `${verb}('${id}', '${bank}', '${bank}', 1, 'USD', null, null, ${last})`,
  ]
  test.each([
    ...movementCalls('transfer', 'null, false'),
    ...movementCalls('transfer', 'null, true'),
    ...movementCalls('hold', 'null, false'),
    ...movementCalls('hold', 'null, true'),
    `transfer('${id}', ${pair}, 1, 'USD', 'a|b', null, null, false)`,
    `transfer('${id}', ${pair}, 1, 'USD', null, null, 'infinity', false)`,
    `capture(null, '${held}', 1, true, null)`,
    `capture('${id}', '${held}', 0, true, null)`,
    `capture('${id}', '${held}', -1, true, null)`,
    `capture('${id}', '${held}', 1, null, null)`,
    `release(null)`,
    `reverse(null, '${moved.id}', 1, null, null, null)`,
    `reverse('${id}', '${moved.id}', 0, null, null, null)`,
    `reverse('${id}', '${moved.id}', -1, null, null, null)`,
    `create_account(null, 'USD', 'asset', null, null, null)`,
    `create_account('${other}', 'USD', null, null, null, null)`,
    `create_account('${other}', 'USD', 'debt', null, null, null)`,
    `create_account('${other}', 'USD', 'asset', 1, null, null)`,
    `create_account('${other}', 'USD', 'asset', 1, null, null, 2)`,
    `create_account('${other}', 'USD', 'asset', null, -1, null, 2)`,
    `create_account('${other}', 'USD', 'asset', null, null, null, -1)`,
    `create_account('${other}', 'USD', 'asset', null, null, null, 65)`,
    `create_account('${other}', 'USD', 'asset', null, null, null, null)`,
    `freeze_account('${bank}', true, true, null, null)`,
    `define_currency(null, 2)`,
    `define_currency('XYZ', null)`,
    `define_currency('XYZ', -1)`,
  ])('LEDGER-26 %s is refused', async (called) => {
    expect(await refusedWith(`select ledger.${called}`)).toMatch(/^(22|23|0A)/)
  })
})

test('LEDGER-26 what the arrays should be still posts', async () => {
  const { rows } = await sql<{ answer: { others: unknown } }>`
    select ledger.transfer_many(${sql.raw(many({}))}) as answer`.execute(app)
  expect(rows[0]?.answer.others).toBeNull()
  const transfers = [movement(bank, wallet), movement(wallet, bank)]
  const journal = await ledger.journal(app, { id: randomUUID(), transfers })
  expect(journal.outcome).toBe('created')
  const repeated = movement(bank, wallet)
  const results = await ledger.transferMany(app, [repeated, repeated])
  expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'replayed'])
  expect((await ledger.verify(database.db)).findings).toEqual([])
})
