/*
 * Goal: whoever writes to a table, past every function, meets each rule of a row under its own name.
 * Method: statements of a superuser against rows that the ledger made, each breaking one rule.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture } from './support/fixture.ts'

let fx: Fixture
let wallet: string

beforeAll(async () => {
  fx = await openFixture()
  wallet = await fx.wallet(1_000n)
  const held = await fx.ledger.hold(fx.db, movement(wallet, fx.sourceId, 10n))
  if (held.outcome !== 'created') throw new Error(`not held: ${held.outcome}`)
})
afterAll(() => fx.closeSound())

const account = (set: string) => `update ledger.account set ${set} where id = '${wallet}'`
const hold = (set: string) => `update ledger.hold set ${set} where state = 'open'`
const MOVED = `'00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002'`
/** A journal row that is whole but for what `columns` say. */
const transfer = (columns: Record<string, string>) => {
  const row: Record<string, string> = {
    id: 'gen_random_uuid()',
    kind: `'transfer'`,
    debit_id: MOVED.split(', ')[0] as string,
    credit_id: MOVED.split(', ')[1] as string,
    amount_minor: '1',
    currency: `'USD'`,
    debit_seq: '1',
    credit_seq: '1',
    debit_balance_minor: '0',
    credit_balance_minor: '0',
    debit_hash: `'\\x01'`,
    credit_hash: `'\\x02'`,
    ...columns,
  }
  return `insert into ledger.transfer (${Object.keys(row).join(', ')})
    values (${Object.values(row).join(', ')})`
}

const broken: readonly (readonly [rule: string, statement: () => string])[] = [
  [
    'account_kind_known',
    () =>
      `insert into ledger.account (id, currency, kind) values (gen_random_uuid(), 'USD', 'cash')`,
  ],
  ['account_counters_not_negative', () => account('pending_debits_minor = -1')],
  ['account_above_floor', () => account('posted_debits_minor = 1001, seq = seq + 1')],
  ['account_below_ceiling', () => account('ceiling_minor = 999')],
  ['account_shards_range', () => account('shards = 65')],
  ['account_head_row_is_empty', () => account('shards = 2')],
  ['account_part_has_no_limits', () => account(`shard = 1, part_of = '${fx.sourceId}'`)],
  ['account_closed_is_blocked', () => account('closed_at = now()')],
  ['transfer_kind_known', () => transfer({ kind: `'gift'` })],
  ['transfer_two_accounts', () => transfer({ credit_id: MOVED.split(', ')[0] as string })],
  ['transfer_amount_positive', () => transfer({ amount_minor: '0' })],
  ['transfer_whole_or_without_money', () => transfer({ credit_hash: 'null' })],
  ['transfer_whole_or_without_money', () => transfer({ kind: `'tombstone'` })],
  ['transfer_whole_or_without_money', () => transfer({ kind: `'rejection'` })],
  ['transfer_refers_as_its_kind', () => transfer({ hold_id: 'gen_random_uuid()' })],
  ['transfer_refers_as_its_kind', () => transfer({ kind: `'capture'` })],
  ['transfer_refers_as_its_kind', () => transfer({ kind: `'reversal'` })],
  ['transfer_leg_of_journal', () => transfer({ leg: '1' })],
  ['transfer_code_plain', () => transfer({ code: `'a|b'` })],
  ['hold_state_known', () => hold(`state = 'gone', settled_at = now()`)],
  [
    'hold_whole_or_tombstone',
    () => `insert into ledger.hold (id, state, debit_id, amount_minor, currency)
      values (gen_random_uuid(), 'open', '${wallet}', 1, 'USD')`,
  ],
  ['hold_captured_within_amount', () => hold('captured_minor = 11')],
  ['hold_settled_has_time', () => hold(`state = 'released'`)],
  [
    'hold_two_accounts',
    () => `insert into ledger.hold (id, state, debit_id, credit_id, amount_minor, currency)
      select gen_random_uuid(), 'open', id, id, 1, 'USD' from ledger.account limit 1`,
  ],
  [
    'hold_amount_positive',
    () => `insert into ledger.hold (id, state, debit_id, credit_id, amount_minor, currency)
      values (gen_random_uuid(), 'open', ${MOVED}, 0, 'USD')`,
  ],
]

describe('rules of a row', () => {
  test.each(broken)('refuse under the name %s', async (rule, statement) => {
    await expect(sql.raw(statement()).execute(fx.db)).rejects.toMatchObject({
      code: '23514',
      constraint: rule,
    })
  })

  test('hold for a replica, which fires no trigger', async () => {
    const replayed = fx.db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx)
      await sql.raw(account('posted_debits_minor = 1001')).execute(trx)
    })
    await expect(replayed).rejects.toMatchObject({ constraint: 'account_above_floor' })
  })
})
