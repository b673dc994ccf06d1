/*
 * Goal: money moves whole or not at all, once per id, and never beyond a limit. Method: each claim
 * on a real PostgreSQL, with as many callers at once as the hazard needs.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AccountInput, createLedger } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

const BIGINT_MAX = 9_223_372_036_854_775_807n

describe('transfer', () => {
  test('debits one account and credits the other in one journal row', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const rows = await fx.journalRows()
    const request = movement(from, to, 250n, { code: 'payment', metadata: { order: 7 } })
    const result = await fx.ledger.transfer(fx.db, request)
    expect(result).toMatchObject({
      outcome: 'created',
      transfer: { ...request, kind: 'transfer', debitBalanceMinor: 750n, creditBalanceMinor: 250n },
    })
    expect(await fx.journalRows()).toBe(rows + 1)
    expect(await fx.balanceMinor(from)).toBe(750n)
    expect(await fx.balanceMinor(to)).toBe(250n)
  })

  test('commits and rolls back with the transaction of its caller', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    const rolledBack = fx.db.transaction().execute(async (trx) => {
      expect((await fx.ledger.transfer(trx, request)).outcome).toBe('created')
      throw new Error('the order could not be saved')
    })
    await expect(rolledBack).rejects.toThrow('the order could not be saved')
    expect(await fx.balanceMinor(from)).toBe(100n)
    expect(await fx.ledger.lookup(fx.db, request.id)).toBeNull()
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('created')
  })

  test('a rejection leaves the transaction of its caller usable', async () => {
    const [from, to] = [await fx.wallet(), await fx.wallet()]
    await fx.db.transaction().execute(async (trx) => {
      const result = await fx.ledger.transfer(trx, movement(from, to))
      expect(tally([result])).toEqual({ 'rejected: insufficient_funds': 1 })
      expect((await fx.ledger.transfer(trx, movement(fx.sourceId, to))).outcome).toBe('created')
    })
    expect(await fx.balanceMinor(to)).toBe(100n)
  })
})

describe('limits', () => {
  test('LEDGER-05 of 50 simultaneous debits of the whole balance exactly one is created', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const results = await Promise.all(
      times(50, () => fx.ledger.transfer(fx.db, movement(from, to, 100n))),
    )
    expect(tally(results)).toEqual({ created: 1, 'rejected: insufficient_funds': 49 })
    expect(await fx.balanceMinor(from)).toBe(0n)
    expect(await fx.balanceMinor(to)).toBe(100n)
  })

  test('LEDGER-05 simultaneous holds and transfers together never pass the floor', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const results = await Promise.all(
      times(40, (i) =>
        i % 2 === 0
          ? fx.ledger.transfer(fx.db, movement(from, to, 70n))
          : fx.ledger.hold(fx.db, movement(from, to, 70n)),
      ),
    )
    expect(tally(results)).toEqual({ created: 14, 'rejected: insufficient_funds': 26 })
    expect(await fx.availableMinor(from)).toBe(20n)
  })

  test('LEDGER-06 credits from many sources at once are all counted', async () => {
    const to = await fx.wallet()
    const sources = await Promise.all(times(20, () => fx.wallet(50n)))
    const results = await Promise.all(
      sources.flatMap((from) => times(5, () => fx.ledger.transfer(fx.db, movement(from, to, 10n)))),
    )
    expect(tally(results)).toEqual({ created: 100 })
    expect(await fx.balanceMinor(to)).toBe(1_000n)
  })

  test('a rejection names the account, what was available and its floor', async () => {
    const [from, to] = [await fx.wallet(30n), await fx.wallet()]
    expect(await fx.ledger.transfer(fx.db, movement(from, to, 31n))).toEqual({
      outcome: 'rejected',
      reason: 'insufficient_funds',
      detail: { accountId: from, availableMinor: 30n, floorMinor: 0n },
    })
  })

  test('a negative floor is a credit line, to the last unit', async () => {
    const [from, to] = [await fx.wallet(0n, { floorMinor: -500n }), await fx.wallet()]
    expect((await fx.ledger.transfer(fx.db, movement(from, to, 501n))).outcome).toBe('rejected')
    expect((await fx.ledger.transfer(fx.db, movement(from, to, 500n))).outcome).toBe('created')
    expect(await fx.balanceMinor(from)).toBe(-500n)
  })

  test('a ceiling counts what open holds will bring', async () => {
    const to = await fx.wallet(0n, { ceilingMinor: 100n })
    expect((await fx.ledger.hold(fx.db, movement(fx.sourceId, to, 60n))).outcome).toBe('created')
    expect(await fx.ledger.transfer(fx.db, movement(fx.sourceId, to, 41n))).toEqual({
      outcome: 'rejected',
      reason: 'limit_exceeded',
      detail: { accountId: to, ceilingMinor: 100n },
    })
    expect((await fx.ledger.transfer(fx.db, movement(fx.sourceId, to, 40n))).outcome).toBe(
      'created',
    )
  })

  test.each<[side: string, limits: Partial<AccountInput>, reason: string]>([
    ['floor of an asset that is credited', { floorMinor: 0n }, 'insufficient_funds'],
    ['ceiling of an asset that is debited', { ceilingMinor: 10n }, 'limit_exceeded'],
  ])('holds the %s', async (_, limits, reason) => {
    const [asset, other] = [await fx.account({ kind: 'asset', ...limits }), await fx.account()]
    const debit = 'ceilingMinor' in limits
    const over = debit ? movement(asset, other, 11n) : movement(other, asset, 1n)
    expect(await fx.ledger.transfer(fx.db, over)).toMatchObject({
      outcome: 'rejected',
      reason,
      detail: { accountId: asset },
    })
    expect(await fx.ledger.hold(fx.db, over)).toMatchObject({ outcome: 'rejected', reason })
  })

  test('LEDGER-14 an amount that a counter cannot hold is rejected as overflow', async () => {
    const [from, to] = [
      await fx.account({ currency: 'EUR' }),
      await fx.account({ currency: 'EUR' }),
    ]
    const euro = (amountMinor: bigint) => movement(from, to, amountMinor, { currency: 'EUR' })
    const most = euro(BIGINT_MAX - 1n)
    expect((await fx.ledger.transfer(fx.db, most)).outcome).toBe('created')
    expect(await fx.ledger.transfer(fx.db, euro(2n))).toEqual({
      outcome: 'rejected',
      reason: 'overflow',
      detail: { accountId: from },
    })
    expect((await fx.ledger.hold(fx.db, euro(1n))).outcome).toBe('created')
    expect(tally([await fx.ledger.hold(fx.db, euro(1n))])).toEqual({ 'rejected: overflow': 1 })
    expect(await fx.balanceMinor(to)).toBe(BIGINT_MAX - 1n)
    expect(await fx.balanceMinor(from)).toBe(-(BIGINT_MAX - 1n))
    const trial = await fx.ledger.trialBalance(fx.db)
    expect(trial.balanced).toBe(true)
  })

  test('LEDGER-15 CHECK constraints stand behind the client for zero, negative and self', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const call = (amount: number, credit: string) =>
      sql`select ledger.transfer(${randomUUID()}::uuid, ${from}::uuid, ${credit}::uuid,
        ${amount}::bigint, 'USD', null, null, null, false)`.execute(fx.db)
    await expect(call(0, to)).rejects.toMatchObject({ constraint: 'transfer_amount_positive' })
    await expect(call(-5, to)).rejects.toMatchObject({ constraint: 'transfer_amount_positive' })
    await expect(call(5, from)).rejects.toMatchObject({ constraint: 'transfer_two_accounts' })
  })

  test('LEDGER-05 a CHECK stands behind the function for the floor', async () => {
    const from = await fx.wallet(100n)
    const overdraw = sql`update ledger.account set posted_debits_minor = 101, seq = seq + 1
      where id = ${from}::uuid`.execute(fx.db)
    await expect(overdraw).rejects.toMatchObject({ constraint: 'account_above_floor' })
  })

  test('LEDGER-16 amounts beyond 2^53 stay exact, whatever the driver does to bigint columns', async () => {
    const lossy = {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === 20 || oid === 114 || oid === 3802
          ? (text: string) => JSON.parse(text) as unknown
          : pg.types.getTypeParser(oid, format as 'text'),
    }
    const pool = new pg.Pool({ connectionString: fx.database.url, types: lossy as never, max: 1 })
    const { Kysely, ParseJSONResultsPlugin, PostgresDialect } = await import('kysely')
    const db = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool }),
      plugins: [new ParseJSONResultsPlugin()],
    })
    const [from, to] = [
      await fx.account({ currency: 'JPY' }),
      await fx.account({ currency: 'JPY' }),
    ]
    const amountMinor = 9_007_199_254_740_993n
    const result = await fx.ledger.transfer(
      db,
      movement(from, to, amountMinor, { currency: 'JPY' }),
    )
    expect(result).toMatchObject({ outcome: 'created', transfer: { amountMinor } })
    expect((await fx.ledger.balance(db, to))?.balanceMinor).toBe(amountMinor)
    const page = await fx.ledger.entries(db, { accountId: to, limit: 1 })
    expect(page.entries[0]).toMatchObject({ amountMinor, balanceMinor: amountMinor })
    await db.destroy()
  })
})

describe('replay and conflict', () => {
  test('LEDGER-07 one request sent 20 times at once is created once and replayed 19 times', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const request = movement(from, to, 100n, { metadata: { a: 1, b: [2] } })
    const results = await Promise.all(times(20, () => fx.ledger.transfer(fx.db, request)))
    expect(tally(results)).toEqual({ created: 1, replayed: 19 })
    const rows = new Set(results.map((result) => JSON.stringify(transferOf(result))))
    expect(rows.size).toBe(1)
    expect(await fx.balanceMinor(from)).toBe(900n)
  })

  test.each(['repeatable read', 'serializable'] as const)(
    'LEDGER-07 under %s twins end as created, replayed or a retryable error, never twice',
    async (isolation) => {
      const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
      const request = movement(from, to, 100n)
      const settled = await Promise.allSettled(
        times(10, () =>
          fx.db
            .transaction()
            .setIsolationLevel(isolation)
            .execute((trx) => fx.ledger.transfer(trx, request)),
        ),
      )
      const results = settled.flatMap((s) => (s.status === 'fulfilled' ? [s.value] : []))
      const errors = settled.flatMap((s) => (s.status === 'rejected' ? [s.reason as object] : []))
      expect(results.filter((result) => result.outcome === 'created')).toHaveLength(1)
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
      }
      expect(await fx.balanceMinor(from)).toBe(900n)
      expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('replayed')
    },
  )

  test('a replay is answered even when the money is gone by now', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to, 100n)
    await fx.ledger.transfer(fx.db, request)
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('replayed')
  })

  test('LEDGER-09 a rejection is not remembered: the same id passes once funds have arrived', async () => {
    const [from, to] = [await fx.wallet(), await fx.wallet()]
    const request = movement(from, to)
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('rejected')
    expect(await fx.ledger.lookup(fx.db, request.id)).toBeNull()
    await fx.ledger.transfer(fx.db, movement(fx.sourceId, from))
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('created')
  })

  test('LEDGER-08 the same id with another payload conflicts, and every differing field is named', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const other = await fx.wallet(1_000n)
    const request = movement(from, to, 100n, { code: 'a', metadata: { n: 1 } })
    await fx.ledger.transfer(fx.db, request)
    const rows = await fx.journalRows()
    const changes: Record<string, unknown> = {
      debitAccountId: other,
      creditAccountId: other,
      amountMinor: 101n,
      currency: 'EUR',
      code: 'b',
      metadata: { n: 2 },
    }
    for (const [field, value] of Object.entries(changes)) {
      const result = await fx.ledger.transfer(fx.db, { ...request, [field]: value })
      expect(result).toMatchObject({
        outcome: 'conflict',
        differs: [field],
        existing: { id: request.id, amountMinor: 100n },
      })
    }
    const all = { ...request, amountMinor: 5n, currency: 'EUR', code: null, metadata: null }
    expect(await fx.ledger.transfer(fx.db, all)).toMatchObject({
      differs: ['amountMinor', 'currency', 'code', 'metadata'],
    })
    expect(await fx.journalRows()).toBe(rows)
    expect(await fx.balanceMinor(from)).toBe(900n)
  })

  test('LEDGER-08 one id for transfers on other accounts at the same moment is created once', async () => {
    const wallets = await Promise.all(times(20, () => fx.wallet(100n)))
    const id = randomUUID()
    const results = await Promise.all(
      times(10, (i) =>
        fx.ledger.transfer(fx.db, {
          ...movement(wallets[2 * i] as string, wallets[2 * i + 1] as string),
          id,
        }),
      ),
    )
    expect(tally(results)).toEqual({ created: 1, conflict: 9 })
    const balances = await Promise.all(wallets.map((wallet) => fx.balanceMinor(wallet)))
    expect(balances.toSorted((a, b) => Number(a - b))).toEqual([0n, ...times(18, () => 100n), 200n])
  })

  test('LEDGER-08 an id of a hold is a conflict of kind for a transfer, and the other way round', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const request = movement(from, to)
    await fx.ledger.hold(fx.db, request)
    expect(await fx.ledger.transfer(fx.db, request)).toMatchObject({
      outcome: 'conflict',
      differs: ['kind'],
      existing: { kind: 'hold', id: request.id },
    })
    const second = movement(from, to)
    await fx.ledger.transfer(fx.db, second)
    expect(await fx.ledger.hold(fx.db, second)).toMatchObject({
      outcome: 'conflict',
      differs: ['kind'],
      existing: { kind: 'transfer', id: second.id },
    })
  })
})

describe('LEDGER-17 rejections', () => {
  test('unknown accounts and wrong currencies are reported in the documented order', async () => {
    const eur = await fx.account({ currency: 'EUR' })
    const poor = await fx.wallet()
    const [unknown, missing] = [randomUUID(), randomUUID()]
    const reason = async (debit: string, credit: string) => {
      const result = await fx.ledger.transfer(fx.db, movement(debit, credit))
      return result.outcome === 'rejected'
        ? [result.reason, result.detail?.accountId]
        : [result.outcome]
    }
    expect(await reason(unknown, missing)).toEqual(['account_not_found', unknown])
    expect(await reason(poor, missing)).toEqual(['account_not_found', missing])
    expect(await reason(eur, missing)).toEqual(['account_not_found', missing])
    expect(await reason(eur, poor)).toEqual(['currency_mismatch', eur])
    expect(await reason(poor, eur)).toEqual(['currency_mismatch', eur])
    expect(await reason(poor, fx.sourceId)).toEqual(['insufficient_funds', poor])
  })

  test('an id already used answers before anything about accounts', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    await fx.ledger.transfer(fx.db, request)
    const result = await fx.ledger.transfer(fx.db, { ...request, creditAccountId: randomUUID() })
    expect(result).toMatchObject({ outcome: 'conflict', differs: ['creditAccountId'] })
  })
})

describe('accounts', () => {
  test('the same account replays, another one of that id conflicts with the fields named', async () => {
    const account = {
      id: randomUUID(),
      currency: 'USD',
      kind: 'liability',
      floorMinor: 0n,
    } as const
    const results = await Promise.all(times(10, () => fx.ledger.accounts.create(fx.db, account)))
    expect(tally(results)).toEqual({ created: 1, replayed: 9 })
    const other = { ...account, kind: 'asset', floorMinor: null } as const
    expect(await fx.ledger.accounts.create(fx.db, other)).toMatchObject({
      outcome: 'conflict',
      differs: ['kind', 'floorMinor'],
      existing: { kind: 'liability', floorMinor: 0n, normalSide: 'credit' },
    })
    expect(await fx.ledger.accounts.get(fx.db, account.id)).toMatchObject(account)
    expect(await fx.ledger.accounts.get(fx.db, randomUUID())).toBeNull()
  })

  test('a currency that the ledger does not know is rejected', async () => {
    const account = { id: randomUUID(), currency: 'QQQ', kind: 'asset' } as const
    expect(await fx.ledger.accounts.create(fx.db, account)).toEqual({
      outcome: 'rejected',
      reason: 'currency_unknown',
      detail: { currency: 'QQQ' },
    })
  })

  test('a ledger that was never migrated says so', async () => {
    const elsewhere = createLedger({ schema: 'nowhere' })
    await expect(elsewhere.balance(fx.db, randomUUID())).rejects.toMatchObject({
      code: 'LEDGER_NOT_MIGRATED',
      retryable: false,
    })
  })
})

function transferOf(result: { outcome: string }): unknown {
  const { transfer } = result as { transfer?: Record<string, unknown> }
  return Object.entries(transfer ?? {}).map(([key, value]) => [key, String(value)])
}
