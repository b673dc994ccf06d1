/*
 * Goal: the views show what the verbs answer, and nothing of how it is kept. Method: each view
 * against the read that answers the same, on a ledger with every kind of row.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture } from './support/fixture.ts'

let fx: Fixture
let one: string
let two: string
let transferId: string
let captureId: string
let reversalId: string
const holds: Record<string, string> = {}

beforeAll(async () => {
  fx = await openFixture()
  const { ledger, db } = fx
  ;[one, two] = [await fx.wallet(1_000n), await fx.wallet()]
  const transfer = movement(one, two, 100n, { code: 'rent', metadata: { month: 'may' } })
  transferId = transfer.id
  await ledger.transfer(db, { ...transfer, effectiveAt: new Date('2026-05-01T00:00:00Z') })
  for (const state of ['open', 'captured', 'released', 'expired']) {
    const hold = movement(one, two, 50n)
    holds[state] = hold.id
    await ledger.hold(db, state === 'expired' ? { ...hold, expiresInMs: 1 } : hold)
  }
  ;[captureId, reversalId] = [randomUUID(), randomUUID()]
  await ledger.capture(db, { id: captureId, holdId: holds.captured as string, amountMinor: 20n })
  await ledger.capture(db, { id: randomUUID(), holdId: holds.captured as string })
  await ledger.release(db, { holdId: holds.released as string })
  await ledger.release(db, { holdId: randomUUID() }) // a tombstone
  await ledger.reverse(db, { id: reversalId, transferId, amountMinor: 30n })
})
afterAll(() => fx.closeSound())

async function select<T extends object>(text: string): Promise<T[]> {
  return (await sql.raw<T>(text).execute(fx.db)).rows
}

describe('views', () => {
  test('accounts have their side, limits and digits', async () => {
    const rows = await select(`select * from ledger.accounts where id = '${one}'`)
    expect(rows).toEqual([
      {
        id: one,
        currency: 'USD',
        exponent: 2,
        kind: 'liability',
        normal_side: 'credit',
        floor_minor: '0',
        ceiling_minor: null,
        hot: 'exact',
        debits_blocked: false,
        credits_blocked: false,
        closed_at: null,
        metadata: null,
        created_at: expect.any(Date) as Date,
      },
    ])
  })

  test('balances are what balance answers, expired holds not counted', async () => {
    const rows = await select<Record<string, string>>('select * from ledger.balances')
    expect(rows).toHaveLength(3)
    for (const row of rows) {
      const balance = await fx.ledger.balance(fx.db, row.account_id as string)
      expect(row).toEqual({
        account_id: balance?.accountId,
        currency: 'USD',
        exponent: 2,
        kind: balance?.kind,
        normal_side: balance?.normalSide,
        posted_debits_minor: String(balance?.postedDebitsMinor),
        posted_credits_minor: String(balance?.postedCreditsMinor),
        pending_debits_minor: String(balance?.pendingDebitsMinor),
        pending_credits_minor: String(balance?.pendingCreditsMinor),
        balance_minor: String(balance?.balanceMinor),
        available_minor: String(balance?.availableMinor),
        floor_minor: balance?.floorMinor === null ? null : String(balance?.floorMinor),
        ceiling_minor: null,
        seq: String(balance?.seq),
      })
    }
    const [mine] = rows.filter((row) => row.account_id === one)
    expect([mine?.balance_minor, mine?.pending_debits_minor]).toEqual(['880', '50'])
  })

  test('entries are two rows a transfer, in the order that entries answers', async () => {
    const rows = await select<Record<string, unknown>>(
      `select * from ledger.entries where account_id = '${one}' order by shard, seq`,
    )
    const { entries } = await fx.ledger.entries(fx.db, { accountId: one, limit: 100 })
    expect(rows).toEqual(
      entries.map((entry) => ({
        account_id: one,
        shard: 0,
        seq: String(entry.seq),
        side: entry.side,
        amount_minor: String(entry.amountMinor),
        transfer_id: entry.transferId,
        kind: entry.kind,
        counterpart_account_id: entry.counterpartAccountId,
        currency: entry.currency,
        code: entry.code,
        metadata: entry.metadata,
        hold_id: entry.holdId,
        reverses_id: entry.reversesId,
        journal_id: entry.journalId,
        balance_minor: String(entry.balanceMinor),
        effective_at: entry.effectiveAt,
        created_at: entry.createdAt,
      })),
    )
    const [sides] = await select(`select count(*) as rows, count(distinct transfer_id) as transfers,
      sum(case side when 'debit' then amount_minor else -amount_minor end) as net
      from ledger.entries`)
    expect(sides).toEqual({ rows: '10', transfers: '5', net: '0' })
  })

  test('transfers show money that moved: no tombstone, no refusal', async () => {
    const refused = await fx.ledger.transfer(fx.db, {
      ...movement(two, one, 1_000_000n),
      onReject: 'record',
    })
    expect(refused).toMatchObject({ outcome: 'rejected', reason: 'insufficient_funds' })
    const [kept] = await select(
      `select count(*) as n from ledger.transfer where kind = 'rejection'`,
    )
    expect(kept).toEqual({ n: '1' })
    const rows = await select<Record<string, unknown>>(
      'select * from ledger.transfers order by kind',
    )
    expect(rows.map(({ kind }) => kind)).toEqual([
      'capture',
      'capture',
      'reversal',
      'transfer',
      'transfer',
    ])
    expect(rows.find(({ id }) => id === transferId)).toMatchObject({
      debit_account_id: one,
      credit_account_id: two,
      amount_minor: '100',
      code: 'rent',
      metadata: { month: 'may' },
      effective_at: new Date('2026-05-01T00:00:00Z'),
    })
    expect(rows.find(({ id }) => id === captureId)).toMatchObject({ hold_id: holds.captured })
    expect(rows.find(({ id }) => id === reversalId)).toMatchObject({ reverses_id: transferId })
  })

  test('holds show their state at this moment: no tombstone', async () => {
    const rows = await select<Record<string, unknown>>(
      'select id, state, remaining_minor, captured_minor from ledger.holds order by state',
    )
    expect(rows).toEqual([
      { id: holds.captured, state: 'captured', remaining_minor: '0', captured_minor: '50' },
      { id: holds.expired, state: 'expired', remaining_minor: '0', captured_minor: '0' },
      { id: holds.open, state: 'open', remaining_minor: '50', captured_minor: '0' },
      { id: holds.released, state: 'released', remaining_minor: '0', captured_minor: '0' },
    ])
  })
})
