/*
 * Goal: every single comparison of `verify` is made. Method: one column is changed by hand, and the
 * finding that names this row and this column is among those that are found; then it is rolled back.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FindingKind } from '../src/index.ts'
import { type Books, openBooks, where } from './support/books.ts'

let books: Books
beforeAll(async () => {
  books = await openBooks()
})
afterAll(() => books.fx.closeSound())

type Case = readonly [
  finding: FindingKind,
  field: string,
  subject: () => string,
  statements: () => readonly string[],
]

const account = (column: string, value: string) => () => [
  `update ledger.account set ${column} = ${value} ${where(books.from)}`,
]
const part = (column: string, value: string) => () => [
  `update ledger.account set ${column} = ${value} where part_of = '${books.sharded}' and shard = 2`,
]
const reversal = (column: string, value: string) => () => [
  `update ledger.transfer set ${column} = ${value} ${where(books.reversalId)}`,
]
const capture = (column: string, value: string) => () => [
  `update ledger.transfer set ${column} = ${value} where hold_id = '${books.holdId}'`,
]
const hold = (column: string, value: string) => () => [
  `update ledger.hold set ${column} = ${value} ${where(books.holdId)}`,
]
const total = (set: string) => () => [
  `update ledger.reversal_total set ${set} where transfer_id = '${books.saleId}'`,
]
const from = () => books.from
const sharded = () => books.sharded
const reversalId = () => books.reversalId
const saleId = () => books.saleId
const holdId = () => books.holdId

const STRANGE = 'e0000000-0000-4000-8000-000000000000'

const cases: readonly Case[] = [
  ...['posted_debits_minor', 'posted_credits_minor'].flatMap((column): Case[] => [
    ['balance_mismatch', column, from, account(column, `${column} + 1`)],
    ['balance_mismatch', `${column} of part 2`, sharded, part(column, `${column} + 1`)],
  ]),
  ...['pending_debits_minor', 'pending_credits_minor'].flatMap((column): Case[] => [
    ['hold_leak', column, from, account(column, `${column} + 1`)],
    ['hold_leak', `${column} of part 2`, sharded, part(column, `${column} + 1`)],
  ]),
  ['sequence_gap', 'seq', from, account('seq', 'seq + 1')],
  ['sequence_gap', 'seq of part 2', sharded, part('seq', 'seq + 1')],
  ['chain_head_mismatch', 'head', from, account('head', `''`)],
  ['chain_head_mismatch', 'head of part 2', sharded, part('head', `''`)],
  ['chain_head_mismatch', 'recorded_at', from, account('recorded_at', 'null')],
  ['chain_head_mismatch', 'recorded_at of part 2', sharded, part('recorded_at', 'now()')],
  ['account_state_mismatch', 'floor_minor', from, account('floor_minor', '-1')],
  ['account_state_mismatch', 'ceiling_minor', from, account('ceiling_minor', '1000000')],
  ['account_state_mismatch', 'debits_blocked', from, account('debits_blocked', 'true')],
  ['account_state_mismatch', 'credits_blocked', from, account('credits_blocked', 'true')],
  [
    'account_state_mismatch',
    'closed',
    from,
    () => [
      `update ledger.account set debits_blocked = true, credits_blocked = true, closed_at = now()
        ${where(books.from)}`,
    ],
  ],
  ['part_mismatch', 'currency of part 2', sharded, part('currency', `'EUR'`)],
  ['part_mismatch', 'kind of part 2', sharded, part('kind', `'equity'`)],
  ['part_mismatch', 'limited of part 2', sharded, part('limited', 'true')],
  ['part_mismatch', 'debits_blocked of part 2', sharded, part('debits_blocked', 'true')],
  ['part_mismatch', 'credits_blocked of part 2', sharded, part('credits_blocked', 'true')],
  ['part_mismatch', 'parts', sharded, part('shard', '9')],
  ['part_mismatch', 'part 2', () => STRANGE, part('part_of', `'${STRANGE}'`)],
  ['account_missing', 'debit_id', reversalId, reversal('debit_id', `'${STRANGE}'`)],
  ['account_missing', 'credit_id', reversalId, reversal('credit_id', `'${STRANGE}'`)],
  ['account_missing', 'debit_id', reversalId, reversal('debit_shard', '1')],
  ['account_missing', 'debit_id', holdId, hold('debit_id', `'${STRANGE}'`)],
  ['account_missing', 'credit_id', holdId, hold('credit_id', `'${STRANGE}'`)],
  ['reversal_mismatch', 'debit_id', reversalId, reversal('debit_id', `'${STRANGE}'`)],
  ['reversal_mismatch', 'credit_id', reversalId, reversal('credit_id', `'${STRANGE}'`)],
  ['reversal_mismatch', 'currency', reversalId, reversal('currency', `'EUR'`)],
  ['reversal_mismatch', 'reverses_id', reversalId, reversal('reverses_id', `'${STRANGE}'`)],
  [
    'reversal_mismatch',
    'reverses_id',
    reversalId,
    () => [
      `update ledger.transfer set reverses_id = (select id from ledger.transfer
        where kind = 'reversal' and id <> '${books.reversalId}') ${where(books.reversalId)}`,
    ],
  ],
  [
    'reversal_mismatch',
    'reversal_total',
    saleId,
    () => [`delete from ledger.reversal_total where transfer_id = '${books.saleId}'`],
  ],
  ['reversal_mismatch', 'reversed_minor', saleId, total('reversed_minor = 14')],
  ['reversal_mismatch', 'original_minor', saleId, total('original_minor = 41')],
  ['reversal_mismatch', 'reversed_minor', saleId, reversal('amount_minor', '6')],
  [
    'reversal_mismatch',
    'reversed beyond original',
    saleId,
    () => [
      `update ledger.transfer set amount_minor = 31 ${where(books.reversalId)}`,
      `update ledger.reversal_total set original_minor = 41, reversed_minor = 41
        where transfer_id = '${books.saleId}'`,
    ],
  ],
  ['hold_capture_mismatch', 'captured_minor', holdId, capture('amount_minor', '11')],
  ['hold_capture_mismatch', 'state', holdId, capture('capture_final', 'true')],
  [
    'journal_mismatch',
    'legs',
    () => books.journalId,
    () => [`delete from ledger.transfer where journal_id = '${books.journalId}' and leg = 1`],
  ],
]

const captureOf: readonly (readonly [column: string, value: string])[] = [
  ['debit_id', `'${STRANGE}'`],
  ['credit_id', `'${STRANGE}'`],
  ['currency', `'EUR'`],
]

describe('verify', () => {
  const found = async (statements: readonly string[]) => {
    const { findings } = await books.tampered(statements, (trx) => books.fx.ledger.verify(trx))
    return findings
  }

  test.each(cases)('LEDGER-26 names %s of %s', async (finding, field, subject, statements) => {
    const findings = await found(statements())
    const named = { finding, subject: subject(), field }
    expect(findings).toContainEqual(expect.objectContaining(named))
  })

  test.each(captureOf)('LEDGER-26 names a capture with another %s than its hold', async (...at) => {
    const [column, value] = at
    const findings = await found(capture(column, value)())
    const of = findings.filter(({ finding }) => finding === 'hold_capture_mismatch')
    expect(of.map(({ field }) => field)).toContain(column)
  })

  test('LEDGER-26 names either half of a tombstone', async () => {
    const holdOnly = `insert into ledger.hold (id, state, tombstone, settled_at)
      values ('${STRANGE}', 'released', true, now())`
    const transferOnly = `insert into ledger.transfer (id, kind) values ('${STRANGE}', 'tombstone')`
    for (const statement of [holdOnly, transferOnly]) {
      expect(await found([statement])).toMatchObject([
        { finding: 'hold_missing', subject: STRANGE, field: 'tombstone' },
      ])
    }
  })
})
