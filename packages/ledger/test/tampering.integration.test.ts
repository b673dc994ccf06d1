/*
 * Goal: whatever a superuser changes by hand is found and named. Method: the triggers are switched
 * off, rows are changed as a clumsy and as a clever thief would, and what `verify` finds is compared
 * with what was done; then it is rolled back.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Books, openBooks, where } from './support/books.ts'

let books: Books
beforeAll(async () => {
  books = await openBooks()
})
afterAll(() => books.fx.close())

async function found(statements: readonly string[]) {
  const { clean, findings } = await books.tampered(statements, (trx) => books.fx.ledger.verify(trx))
  expect(clean).toBe(false)
  return findings
}

/** Exchanges what two neighbouring rows say, and repairs the balances, the sums and the clock. */
const contentsExchanged = () => [
  `update ledger.transfer t set amount_minor = o.amount_minor, code = o.code, metadata = o.metadata,
    debit_balance_minor = t.debit_balance_minor
      + case when t.id = '${books.transferId}' then t.amount_minor - o.amount_minor else 0 end,
    credit_balance_minor = t.credit_balance_minor
      - case when t.id = '${books.transferId}' then t.amount_minor - o.amount_minor else 0 end
  from ledger.transfer o
  where t.id in ('${books.transferId}', '${books.nextId}') and o.id in ('${books.transferId}', '${books.nextId}')
    and t.id <> o.id`,
]

/** Exchanges the places of the two rows in both sequences, balances, clock and hashes included. */
const placesExchanged = () => {
  const columns = ['debit_seq', 'credit_seq', 'created_at', 'debit_hash', 'credit_hash']
  return [
    `create temp table kept on commit drop as select * from ledger.transfer
      where id in ('${books.transferId}', '${books.nextId}')`,
    `update ledger.transfer set debit_seq = -debit_seq, credit_seq = -credit_seq
      where id in ('${books.transferId}', '${books.nextId}')`,
    `update ledger.transfer t set ${columns.map((c) => `${c} = o.${c}`).join(', ')},
      debit_balance_minor = case when t.id = '${books.nextId}' then 970 else 870 end,
      credit_balance_minor = case when t.id = '${books.nextId}' then 530 else 630 end
    from kept o where t.id in ('${books.transferId}', '${books.nextId}') and o.id <> t.id`,
  ]
}

/** Takes a row away, moves up what follows, and repairs balances, sums and sequences. */
const deletedAndClosed = () => [
  `delete from ledger.transfer ${where(books.transferId)}`,
  `update ledger.transfer set debit_seq = 2, credit_seq = 2, debit_balance_minor = 970,
    credit_balance_minor = 530 ${where(books.nextId)}`,
  `update ledger.transfer set debit_seq = 3, credit_seq = 3, debit_balance_minor = 520,
    credit_balance_minor = 980 where hold_id = '${books.holdId}'`,
  `update ledger.account set seq = 3, posted_debits_minor = posted_debits_minor - 100
    ${where(books.from)}`,
  `update ledger.account set seq = 3, posted_credits_minor = posted_credits_minor - 100
    ${where(books.to)}`,
]

type Case = readonly [what: string, make: () => readonly string[], found: readonly string[]]

const tampering: readonly Case[] = [
  [
    'a raised balance',
    () => [
      `update ledger.account set posted_credits_minor = posted_credits_minor + 7 ${where(books.from)}`,
    ],
    ['balance_mismatch', 'currency_unbalanced'],
  ],
  [
    'a changed amount',
    () => [`update ledger.transfer set amount_minor = 99 ${where(books.transferId)}`],
    ['balance_mismatch', 'chain_broken', 'running_balance_mismatch'],
  ],
  [
    'a changed amount, balances and sums repaired',
    () => [
      `update ledger.transfer set amount_minor = 40, debit_balance_minor = 860,
        credit_balance_minor = 640 ${where(books.nextId)}`,
      `update ledger.transfer set debit_balance_minor = 630, credit_balance_minor = 870
        where hold_id = '${books.holdId}'`,
      `update ledger.account set posted_debits_minor = posted_debits_minor + 10 ${where(books.from)}`,
      `update ledger.account set posted_credits_minor = posted_credits_minor + 10 ${where(books.to)}`,
    ],
    ['chain_broken'],
  ],
  [
    'changed metadata',
    () => [`update ledger.transfer set metadata = '{"month": "june"}' ${where(books.transferId)}`],
    ['chain_broken'],
  ],
  [
    'a changed code',
    () => [`update ledger.transfer set code = 'gift' ${where(books.transferId)}`],
    ['chain_broken'],
  ],
  [
    'a changed time',
    () => [
      `update ledger.transfer set created_at = created_at + interval '1 microsecond'
        ${where(books.transferId)}`,
    ],
    ['chain_broken'],
  ],
  [
    'a time before the row before it',
    () => [
      `update ledger.transfer set created_at = created_at - interval '1 day' ${where(books.transferId)}`,
    ],
    ['chain_broken', 'recorded_time_backwards'],
  ],
  [
    'an effective time invented later',
    () => [`update ledger.transfer set effective_at = '2020-01-01' ${where(books.transferId)}`],
    ['chain_broken'],
  ],
  ['two rows with their contents exchanged', contentsExchanged, ['chain_broken']],
  ['two rows with their places exchanged', placesExchanged, ['chain_broken']],
  [
    'a changed hash',
    () => [`update ledger.transfer set debit_hash = sha256('') ${where(books.transferId)}`],
    ['chain_broken'],
  ],
  [
    'a changed end of a chain',
    () => [`update ledger.account set head = sha256('') ${where(books.from)}`],
    ['chain_head_mismatch'],
  ],
  [
    'a time of the newest row set back',
    () => [`update ledger.account set recorded_at = '2020-01-01' ${where(books.from)}`],
    ['chain_head_mismatch'],
  ],
  [
    'a deleted journal row',
    () => [`delete from ledger.transfer ${where(books.transferId)}`],
    ['balance_mismatch', 'sequence_gap'],
  ],
  [
    'a deleted journal row, the gap closed and all numbers repaired',
    deletedAndClosed,
    ['chain_broken'],
  ],
  [
    'a deleted newest row',
    () => [`delete from ledger.transfer where hold_id = '${books.holdId}'`],
    ['balance_mismatch', 'chain_head_mismatch', 'hold_capture_mismatch', 'sequence_gap'],
  ],
  [
    'an invented journal row',
    () => [
      `insert into ledger.transfer (id, kind, debit_id, credit_id, amount_minor,
      currency, debit_seq, credit_seq, debit_balance_minor, credit_balance_minor, debit_hash,
      credit_hash)
      select gen_random_uuid(), 'transfer', '${books.from}', '${books.to}', 1, 'USD', 50, 50, 0, 0, '', ''`,
    ],
    ['balance_mismatch', 'chain_head_mismatch', 'sequence_gap'],
  ],
  [
    'a row moved to another account',
    () => [`update ledger.transfer set credit_id = gen_random_uuid() ${where(books.transferId)}`],
    ['account_missing', 'balance_mismatch', 'chain_broken', 'sequence_gap'],
  ],
  [
    'a row moved to a part that is not there',
    () => [`update ledger.transfer set credit_shard = 3 ${where(books.transferId)}`],
    ['account_missing', 'balance_mismatch', 'chain_broken', 'sequence_gap'],
  ],
  [
    'a row in another currency',
    () => [`update ledger.transfer set currency = 'EUR' ${where(books.transferId)}`],
    ['chain_broken', 'currency_mismatch'],
  ],
  [
    'a hold that lost its counter',
    () => [`update ledger.account set pending_debits_minor = 0 ${where(books.to)}`],
    ['currency_unbalanced', 'hold_leak'],
  ],
  [
    'a released hold still counted',
    () => [`update ledger.hold set state = 'released', settled_at = now() ${where(books.holdId)}`],
    ['hold_leak'],
  ],
  [
    'a capture not counted',
    () => [`update ledger.hold set captured_minor = 0 ${where(books.holdId)}`],
    ['hold_capture_mismatch', 'hold_leak'],
  ],
  [
    'a hold closed without a final capture',
    () => [
      `update ledger.hold set state = 'captured', settled_at = now() ${where(books.holdId)}`,
      `update ledger.account set pending_debits_minor = 0, pending_credits_minor = 0`,
    ],
    ['hold_capture_mismatch'],
  ],
  [
    'a hold of other accounts than its capture',
    () => [`update ledger.hold set debit_id = '${books.fx.sourceId}' ${where(books.holdId)}`],
    ['hold_capture_mismatch', 'hold_leak'],
  ],
  [
    'a deleted hold',
    () => [`delete from ledger.hold ${where(books.holdId)}`],
    ['hold_leak', 'hold_missing'],
  ],
  [
    'half of a tombstone',
    () => [`insert into ledger.transfer (id, kind) values (gen_random_uuid(), 'tombstone')`],
    ['hold_missing'],
  ],
  [
    'a hold of an account that is not there',
    () => [
      `insert into ledger.hold (id, state, debit_id, credit_id, amount_minor, currency, settled_at)
        values (gen_random_uuid(), 'released', gen_random_uuid(), '${books.to}', 5, 'USD', now())`,
    ],
    ['account_missing'],
  ],
  [
    'a reversal invented',
    () => [`insert into ledger.reversal_total values ('${books.transferId}', 100, 40)`],
    ['reversal_mismatch'],
  ],
  [
    'a journal without its legs',
    () => [
      `insert into ledger.journal (id, legs, created_at) values (gen_random_uuid(), 2, now())`,
    ],
    ['journal_mismatch'],
  ],
  [
    'a row put into a journal that is not there',
    () => [
      `update ledger.transfer set journal_id = gen_random_uuid(), leg = 1 ${where(books.transferId)}`,
    ],
    ['chain_broken', 'journal_mismatch'],
  ],
  [
    'an edited limit',
    () => [`update ledger.account set floor_minor = -1000000 ${where(books.from)}`],
    ['account_state_mismatch'],
  ],
  [
    'a freeze taken off',
    () => [
      `insert into ledger.account_change (account_id, no, change, floor_minor, debits_blocked,
        credits_blocked, closed) values ('${books.from}', 2, 'frozen', 0, true, false, false)`,
    ],
    ['account_state_mismatch'],
  ],
  [
    'a freeze taken off, and out of the history',
    () => [
      `insert into ledger.account_change (account_id, no, change, floor_minor, debits_blocked,
        credits_blocked, closed) values ('${books.from}', 3, 'unfrozen', 0, false, false, false)`,
    ],
    ['account_state_mismatch'],
  ],
  [
    'an account without a history',
    () => [`delete from ledger.account_change where account_id = '${books.from}'`],
    ['account_state_mismatch'],
  ],
  [
    'a part of an account that is not sharded',
    () => [
      `insert into ledger.account (id, currency, kind, part_of, shard)
        values (gen_random_uuid(), 'EUR', 'liability', '${books.from}', 1)`,
    ],
    ['part_mismatch'],
  ],
  [
    'a part of an account that is not there',
    () => [
      `insert into ledger.account (id, currency, kind, part_of, shard)
        values (gen_random_uuid(), 'USD', 'asset', gen_random_uuid(), 1)`,
    ],
    ['part_mismatch'],
  ],
  [
    'a lost part that never held money',
    () => [`delete from ledger.account where part_of = '${books.sharded}' and shard = 3`],
    ['part_mismatch'],
  ],
  [
    'a part of another kind',
    () => [
      `update ledger.account set kind = 'income' where part_of = '${books.sharded}' and shard = 3`,
    ],
    ['part_mismatch'],
  ],
  [
    'a part that takes money again',
    () => [
      `update ledger.account set credits_blocked = true ${where(books.sharded)}`,
      `insert into ledger.account_change (account_id, no, change, debits_blocked,
        credits_blocked, closed) values ('${books.sharded}', 2, 'frozen', false, true, false)`,
    ],
    ['part_mismatch'],
  ],
  [
    'a part that knows of limits that are not',
    () => [
      `update ledger.account set limited = true where part_of = '${books.sharded}' and shard = 1`,
    ],
    ['part_mismatch'],
  ],
  [
    'money moved between two parts',
    () => [
      `update ledger.account set posted_credits_minor = 5 - posted_credits_minor
        where part_of = '${books.sharded}' and shard < 3`,
    ],
    ['balance_mismatch'],
  ],
  [
    'a row moved to another part',
    () => [
      `update ledger.transfer set credit_shard = 2, credit_seq = 2
        where credit_id = '${books.sharded}' and credit_shard = 1`,
    ],
    [
      'balance_mismatch',
      'chain_broken',
      'chain_head_mismatch',
      'recorded_time_backwards',
      'running_balance_mismatch',
      'sequence_gap',
    ],
  ],
  [
    'a row recorded into a sealed period',
    () => [
      `insert into ledger.sealed_period values ('2020-01-01', '{}', '2020-01-02')`,
      `update ledger.book set sealed_until = '2020-01-01'`,
      `update ledger.transfer set effective_at = '2019-12-31' ${where(books.transferId)}`,
    ],
    ['chain_broken', 'sealed_period_breached'],
  ],
  [
    'a seal taken off',
    () => [`insert into ledger.sealed_period values ('2020-01-01', '{}', '2020-01-02')`],
    ['sealed_period_breached'],
  ],
]

describe('verify', () => {
  test.each(tampering)('LEDGER-26 names what a superuser did: %s', async (_, make, kinds) => {
    const findings = await found(make())
    expect([...new Set(findings.map((each) => each.finding))].toSorted()).toEqual(kinds)
  })

  test('points at the row that was touched and not at those after it', async () => {
    const { transferId } = books
    const findings = await found([`update ledger.transfer set code = 'x' ${where(transferId)}`])
    expect(findings.map(({ subject, field }) => [subject, field])).toEqual([
      [transferId, 'credit_hash'],
      [transferId, 'debit_hash'],
    ])
  })

  test('says what it expected and what it read', async () => {
    const raised = `update ledger.account set posted_credits_minor = 1007 ${where(books.from)}`
    expect(await found([raised])).toContainEqual({
      finding: 'balance_mismatch',
      subject: books.from,
      field: 'posted_credits_minor',
      expected: '1010',
      actual: '1007',
    })
  })
})
