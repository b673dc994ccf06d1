/*
 * Goal: a guard that somebody took away is missed. Method: each kind is switched off, dropped or
 * made to agree by a superuser; then it is rolled back.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardsMade } from '../src/sql/guards.ts'
import { type Books, openBooks } from './support/books.ts'

let books: Books
beforeAll(async () => {
  books = await openBooks()
})
afterAll(() => books.fx.closeSound())

async function found(statements: readonly string[]) {
  const { clean, findings } = await books.tampered(statements, (trx) => books.fx.ledger.verify(trx))
  expect(clean).toBe(false)
  return findings
}

const unguarding: readonly (readonly [what: string, statement: string, guard: string])[] = [
  [
    'a trigger switched off',
    'alter table ledger.transfer disable trigger transfer_refuses_update_or_delete',
    'trigger transfer_refuses_update_or_delete',
  ],
  [
    'a trigger that only a replica fires',
    'alter table ledger.account enable replica trigger account_moves_forward',
    'trigger account_moves_forward',
  ],
  [
    'a dropped trigger',
    'drop trigger hold_moves_forward on ledger.hold',
    'trigger hold_moves_forward',
  ],
  [
    'a dropped CHECK',
    'alter table ledger.account drop constraint account_sound',
    'constraint account_sound',
  ],
  [
    'a CHECK that was not validated',
    `alter table ledger.transfer drop constraint transfer_sound,
      add constraint transfer_sound check (ledger.transfer_sound(transfer)) not valid`,
    'constraint transfer_sound',
  ],
  [
    'a dropped unique index',
    'drop index ledger.transfer_debit_seq',
    'unique index transfer_debit_seq',
  ],
]

describe('verify', () => {
  test.each(unguarding)('LEDGER-26 names a guard that is gone: %s', async (_, statement, guard) => {
    expect(await found([statement])).toEqual([
      {
        finding: 'guard_missing',
        subject: guard,
        field: 'guard',
        expected: 'in force',
        actual: 'absent, changed or switched off',
      },
    ])
  })

  test('knows every guard of the schema', async () => {
    const { rows } = await sql<{ guard: string }>`
      select guard from ledger.present_guards() guard`.execute(books.fx.db)
    expect(guardsMade('ledger').toSorted()).toEqual(rows.map(({ guard }) => guard).toSorted())
  })

  test('LEDGER-26 names a refusal that was made to agree', async () => {
    const agree = `create or replace function ledger.refuse_change() returns trigger
      language plpgsql as $fn$ begin return null; end $fn$`
    const findings = await found([agree])
    expect(findings).toMatchObject([{ finding: 'guard_missing' }])
    expect(findings[0]?.subject).toContain('refuse_change')
  })

  test('LEDGER-26 names a rule that was made to agree', async () => {
    const agree = `create or replace function ledger.account_sound(r ledger.account) returns boolean
      language plpgsql immutable as $fn$ begin return true; end $fn$`
    const findings = await found([agree])
    expect(findings).toMatchObject([{ finding: 'guard_missing' }])
    expect(findings[0]?.subject).toContain('account_sound')
  })
})
