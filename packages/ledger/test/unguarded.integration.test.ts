/*
 * Goal: a guard that somebody took away is missed. Method: each kind is switched off, dropped or
 * made to agree by a superuser; then it is rolled back.
 */
import { createTestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrateLedger } from '../src/index.ts'
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
  [
    'a trigger that calls another function',
    `create function public.refuse_change() returns trigger language plpgsql
      as $$ begin return null; end $$;
    drop trigger transfer_refuses_update_or_delete on ledger.transfer;
    create trigger transfer_refuses_update_or_delete before update or delete on ledger.transfer
      for each statement execute function public.refuse_change()`,
    'trigger transfer_refuses_update_or_delete',
  ],
  [
    'a trigger that no row fires',
    `drop trigger book_moves_forward on ledger.book;
    create trigger book_moves_forward before update on ledger.book for each row
      when (new.sealed_until < old.sealed_until and false)
      execute function ledger.refuse_change()`,
    'trigger book_moves_forward',
  ],
  [
    'a CHECK that every row passes',
    `alter table ledger.account drop constraint account_sound,
      add constraint account_sound check (true)`,
    'constraint account_sound',
  ],
  [
    'a unique index over more columns',
    `drop index ledger.transfer_debit_seq;
    create unique index transfer_debit_seq
      on ledger.transfer (debit_id, debit_shard, debit_seq, id)`,
    'unique index transfer_debit_seq',
  ],
  [
    'a rule that turns what is asked into nothing',
    'create rule quiet as on insert to ledger.transfer do instead nothing',
    'no rule on transfer',
  ],
]

describe('verify', () => {
  test.each(unguarding)('LEDGER-26 names a guard that is gone: %s', async (_, statement, guard) => {
    expect(await found([statement])).toEqual([
      {
        finding: 'guard_missing',
        subject: expect.stringMatching(new RegExp(`^${guard}( [0-9a-f]{8})?$`)) as string,
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

  test('knows them in a schema with the name of a table', async () => {
    await using database = await createTestDatabase()
    await migrateLedger(database.db, { schema: 'account' })
    const { rows } = await sql<{ guard: string }>`
      select guard from account.present_guards() guard`.execute(database.db)
    expect(guardsMade('account').toSorted()).toEqual(rows.map(({ guard }) => guard).toSorted())
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
