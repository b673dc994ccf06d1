/*
 * Goal: a statement is named by what it does to which tables, and by nothing that somebody wrote.
 */
import { expect, test } from 'vitest'
import { summaryOf } from '../src/tracing/trace-statement.ts'

test.each([
  ['begin', 'BEGIN'],
  ['\n  insert into public.payment_claims (user_id) values ($1)', 'INSERT payment_claims'],
  ['insert into "queue"."outbox" (id) select id from unnest($1)', 'INSERT queue.outbox'],
  ['select ledger.capture($1, $2) as answer', 'SELECT ledger.capture'],
  ['select * from ledger.lookup($1)', 'SELECT ledger.lookup'],
  ['update "payments" set "status" = $1 where "id" = $2', 'UPDATE payments'],
  [
    'select id from a join b on true where c is distinct from d for update skip locked',
    'SELECT a b',
  ],
  ['insert into a values ($1) on conflict do update set b = 1', 'INSERT a'],
  ["select 'ada@payflow.test' as email, extract(epoch from created_at) from users", 'SELECT users'],
  ['with gone as (delete from t returning id) select count(*) from gone', 'WITH t gone'],
  ['', 'STATEMENT'],
])('%s is %s', (text, summary) => {
  expect(summaryOf(text)).toBe(summary)
})
