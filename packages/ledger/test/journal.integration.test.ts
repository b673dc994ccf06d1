/*
 * Goal: the legs of a journal stand or fall together, once, whoever else is at work. Method: journals
 * on the real server; ids and locks held on purpose by a second connection; a wire that is cut.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JournalInput, JournalResult, TransferInput } from '../src/index.ts'
import { brokenLinks } from './support/chain.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'
import { withOwnPool } from './support/own-pool.ts'
import { faultProxy } from './support/wire/fault-proxy.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 12 })
})
afterAll(() => fx.closeSound())

const journal = (
  transfers: readonly TransferInput[],
  rest: Partial<JournalInput> = {},
): JournalInput => ({ id: randomUUID(), transfers, ...rest })

const post = (input: JournalInput) => fx.ledger.journal(fx.db, input)

async function posted(input: JournalInput) {
  const result = await post(input)
  if (result.outcome !== 'created') throw new Error(`not created: ${JSON.stringify(result)}`)
  return result.journal
}

const wallets = async (...fundsMinor: bigint[]) =>
  (await Promise.all(fundsMinor.map((funds) => fx.wallet(funds)))) as [string, string, string]

describe('journal', () => {
  test('posts all legs in their order, and keeps them together', async () => {
    const [a, b, c] = await wallets(100n, 0n, 0n)
    const request = journal(
      [
        { ...movement(a, b, 100n), code: 'sale' },
        { ...movement(b, c, 30n), metadata: { share: 0.3 } },
        movement(b, a, 5n),
      ],
      { code: 'order.paid', metadata: { order: 'A-1' } },
    )
    const result = await posted(request)
    expect(result).toMatchObject({
      kind: 'journal',
      id: request.id,
      code: 'order.paid',
      metadata: { order: 'A-1' },
    })
    expect(result.effectiveAt).toEqual(result.createdAt)
    expect(result.transfers).toMatchObject(
      request.transfers.map((transfer, leg) => ({
        ...transfer,
        kind: 'transfer',
        journalId: request.id,
        leg,
        createdAt: result.createdAt,
      })),
    )
    expect(result.transfers[1]).toMatchObject({ debitSeq: 2n, debitBalanceMinor: 70n })
    const balances = await Promise.all([a, b, c].map((id) => fx.balanceMinor(id)))
    expect(balances).toEqual([5n, 65n, 30n])
    expect(await fx.ledger.lookup(fx.db, request.id)).toEqual({ kind: 'journal', journal: result })
    expect(await fx.ledger.resolve(fx.db, { id: request.id })).toEqual({
      state: 'journal_posted',
      journal: result,
    })
    expect(await post(request)).toEqual({ outcome: 'replayed', journal: result })
    expect(await fx.balanceMinor(c)).toBe(30n)
  })

  test('LEDGER-20 leg 3 of 5 fails: its index is reported, and nothing is written', async () => {
    const [a, b, c] = await wallets(100n, 0n, 0n)
    const legs = [
      movement(a, b, 60n),
      movement(b, c, 10n),
      movement(c, a, 11n),
      movement(a, b, 1n),
      movement(a, b, 1_000n),
    ]
    const request = journal(legs)
    expect(await post(request)).toEqual({
      outcome: 'rejected',
      reason: 'insufficient_funds',
      detail: { leg: 2, accountId: c, availableMinor: 10n, floorMinor: 0n },
    })
    for (const { id } of [...legs, request]) {
      expect(await fx.ledger.lookup(fx.db, id)).toBeNull()
    }
    const balances = await Promise.all([a, b, c].map((id) => fx.ledger.balance(fx.db, id)))
    expect(balances.map((balance) => [balance?.balanceMinor, balance?.seq])).toEqual([
      [100n, 1n],
      [0n, 0n],
      [0n, 0n],
    ])
    // Not remembered, either: with the two that had no cover taken out, the same ids are posted.
    const covered = legs.filter((_, leg) => leg !== 2 && leg !== 4)
    expect((await post({ ...request, transfers: covered })).outcome).toBe('created')
  })

  test('an exchange is four legs in two currencies, and balances in each', async () => {
    const [dollars, euros] = [
      await fx.wallet(100_00n),
      await fx.account({ currency: 'EUR', floorMinor: 0n }),
    ]
    const desk = {
      dollars: await fx.account(),
      euros: await fx.account({ currency: 'EUR' }),
      fees: await fx.account({ kind: 'income' }),
      rounding: await fx.account({ currency: 'EUR', kind: 'income' }),
    }
    const eur = (from: string, to: string, amountMinor: bigint) => ({
      ...movement(from, to, amountMinor),
      currency: 'EUR',
    })
    // 99.50 dollars at 0.92345 are 91.883… euros: 91.88 to the customer, the rest of a cent to us.
    const request = journal(
      [
        { ...movement(dollars, desk.fees, 50n), code: 'fx.fee' },
        { ...movement(dollars, desk.dollars, 99_50n), code: 'fx.sell' },
        { ...eur(desk.euros, euros, 91_88n), code: 'fx.buy' },
        { ...eur(desk.euros, desk.rounding, 1n), code: 'fx.rounding' },
      ],
      { code: 'fx', metadata: { rate: '0.92345' } },
    )
    expect((await post(request)).outcome).toBe('created')
    expect([await fx.balanceMinor(dollars), await fx.balanceMinor(euros)]).toEqual([0n, 91_88n])
    const { balanced, totals } = await fx.ledger.trialBalance(fx.db)
    expect(balanced).toBe(true)
    expect(totals.map((total) => total.differenceMinor)).toEqual(totals.map(() => 0n))
    expect(await post(journal([movement(dollars, euros, 1n)]))).toMatchObject({
      reason: 'currency_mismatch',
      detail: { leg: 0, accountId: euros, currency: 'EUR' },
    })
  })

  test('LEDGER-08 another journal of its id is a conflict that names every field', async () => {
    const [a, b, c] = await wallets(1_000n, 0n, 0n)
    const request = journal([movement(a, b, 1n), movement(a, c, 2n), movement(a, b, 3n)], {
      code: 'order',
    })
    const stored = await posted(request)
    const [first, second, third] = request.transfers as [
      TransferInput,
      TransferInput,
      TransferInput,
    ]
    const then = new Date('2026-01-01T00:00:00.000Z')
    const table: readonly [Partial<JournalInput>, readonly string[]][] = [
      [{ code: null }, ['code']],
      [{ metadata: { x: 1 }, effectiveAt: then }, ['metadata', 'effectiveAt']],
      [{ transfers: [first, second] }, ['transfers']],
      [
        { transfers: [first, { ...second, amountMinor: 9n, currency: 'EUR', code: 'x' }, third] },
        ['transfers[1].amountMinor', 'transfers[1].currency', 'transfers[1].code'],
      ],
      [
        { transfers: [{ ...first, effectiveAt: then, metadata: { x: 1 } }, second, third] },
        ['transfers[0].metadata', 'transfers[0].effectiveAt'],
      ],
      [
        { transfers: [first, third, second] },
        [1, 2].flatMap((leg) =>
          ['id', 'creditAccountId', 'amountMinor'].map((field) => `transfers[${leg}].${field}`),
        ),
      ],
    ]
    for (const [change, differs] of table) {
      expect(await post({ ...request, ...change })).toEqual({
        outcome: 'conflict',
        differs,
        existing: stored,
      })
    }
    expect(await fx.balanceMinor(a)).toBe(994n)
  })

  test('a leg whose id is in use is a conflict or as refused as it would be alone, and posts nothing', async () => {
    const [a, b] = await wallets(1_000n, 0n)
    const transfer = movement(a, b, 10n)
    const held = movement(a, b, 10n)
    const gone = movement(a, b, 10n)
    await fx.ledger.transfer(fx.db, transfer)
    await fx.ledger.hold(fx.db, held)
    await fx.ledger.release(fx.db, { holdId: gone.id })
    const withLeg = (leg: TransferInput) => post(journal([movement(a, b, 1n), leg]))
    expect(await withLeg(transfer)).toMatchObject({
      outcome: 'conflict',
      differs: ['transfers[1].id'],
      existing: { kind: 'transfer', id: transfer.id },
    })
    expect(await withLeg({ ...transfer, amountMinor: 11n })).toMatchObject({
      outcome: 'conflict',
      differs: ['transfers[1].amountMinor'],
      existing: { kind: 'transfer', id: transfer.id },
    })
    expect(await withLeg(held)).toMatchObject({
      differs: ['transfers[1].kind'],
      existing: { kind: 'hold', id: held.id },
    })
    expect(await withLeg(gone)).toEqual({
      outcome: 'rejected',
      reason: 'hold_released',
      detail: { leg: 1 },
    })
    expect(await fx.balanceMinor(b)).toBe(10n)
    const request = journal([movement(a, b, 1n)])
    await posted(request)
    expect(await withLeg(request.transfers[0] as TransferInput)).toMatchObject({
      existing: { journalId: request.id, leg: 0 },
    })
  })

  test('LEDGER-28 counts when it says, leg by leg, and in no sealed period', async () => {
    const [a, b] = await wallets(1_000n, 0n)
    const [january, march] = [new Date('2026-01-15'), new Date('2026-03-15')]
    const request = journal([movement(a, b, 1n), { ...movement(a, b, 2n), effectiveAt: march }], {
      effectiveAt: january,
    })
    const stored = await posted(request)
    expect(stored.effectiveAt).toEqual(january)
    expect(stored.transfers.map(({ effectiveAt }) => effectiveAt)).toEqual([january, march])
    expect(await post(request)).toEqual({ outcome: 'replayed', journal: stored })
    const back = () => new Error('undo')
    const sealed = fx.db.transaction().execute(async (trx) => {
      const until = new Date('2026-02-01')
      await sql`update ledger.book set sealed_until = ${until.toISOString()}`.execute(trx)
      const late = journal([{ ...movement(a, b, 1n), effectiveAt: march }, movement(a, b, 1n)], {
        effectiveAt: january,
      })
      expect(await fx.ledger.journal(trx, late)).toEqual({
        outcome: 'rejected',
        reason: 'period_sealed',
        detail: { sealedUntil: until, leg: 1 },
      })
      throw back()
    })
    await expect(sealed).rejects.toThrow('undo')
  })

  test('LEDGER-15 of the wrong shape it is refused before any SQL', async () => {
    const leg = movement(randomUUID(), randomUUID())
    const table: readonly [Partial<JournalInput>, object][] = [
      [{ id: 'x' }, { reason: 'id_invalid', detail: { field: 'id' } }],
      [{ transfers: [] }, { reason: 'legs_invalid', detail: { field: 'transfers' } }],
      [
        { transfers: times(1_001, () => movement(randomUUID(), randomUUID())) },
        { reason: 'legs_invalid', detail: { field: 'transfers' } },
      ],
      [
        { transfers: null as unknown as TransferInput[] },
        { reason: 'legs_invalid', detail: { field: 'transfers' } },
      ],
      [
        { transfers: [leg, { ...leg, id: leg.id.toUpperCase() }] },
        { reason: 'legs_invalid', detail: { field: 'id', leg: 1 } },
      ],
      [
        { transfers: [leg, { ...movement(leg.id, leg.id) }] },
        { reason: 'same_account', detail: { field: 'creditAccountId', leg: 1 } },
      ],
      [
        { transfers: [null as unknown as TransferInput] },
        { reason: 'id_invalid', detail: { field: 'id', leg: 0 } },
      ],
      [{ code: 'a b' }, { reason: 'code_invalid', detail: { field: 'code' } }],
      [
        { metadata: [] as unknown as Record<string, never> },
        { reason: 'metadata_invalid', detail: { field: 'metadata' } },
      ],
      [
        { effectiveAt: new Date(-1) },
        { reason: 'effective_at_invalid', detail: { field: 'effectiveAt' } },
      ],
    ]
    await withOwnPool(
      { connectionString: 'postgres://postgres@127.0.0.1:1/none' },
      async (nowhere) => {
        for (const [change, refusal] of table) {
          const result = await fx.ledger.journal(nowhere, journal([leg], change))
          expect(result).toEqual({ outcome: 'rejected', ...refusal })
        }
      },
    )
  })

  test('takes no leg whose refusal is to be remembered', async () => {
    const leg = { ...movement(randomUUID(), randomUUID()), onReject: 'record' as const }
    await expect(post(journal([leg]))).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
  })

  test('LEDGER-18 a leg is reversed as any transfer is', async () => {
    const [a, b] = await wallets(100n, 0n)
    const request = journal([movement(a, b, 40n), movement(a, b, 20n)])
    await posted(request)
    const refund = { id: randomUUID(), transferId: request.transfers[0]?.id as string }
    expect(await fx.ledger.reverse(fx.db, refund)).toMatchObject({ outcome: 'created' })
    expect(await fx.balanceMinor(a)).toBe(80n)
  })
})

describe('journals at once', () => {
  test('LEDGER-07 the same journal from twelve callers is posted once', async () => {
    const [a, b] = await wallets(100n, 0n)
    const request = journal([movement(a, b, 60n), movement(b, a, 10n)])
    const results = await Promise.all(times(12, () => post(request)))
    expect(tally(results)).toEqual({ created: 1, replayed: 11 })
    expect(await fx.balanceMinor(a)).toBe(50n)
  })

  test('LEDGER-01 over the same accounts in any order never deadlock, with batches and single calls between', async () => {
    const ids = await Promise.all(times(6, () => fx.wallet(100_000n)))
    const around = (step: number) =>
      times(6, (i) => movement(ids[i] as string, ids[(i + step) % 6] as string, 1n))
    const results = await Promise.all(
      times(40, async (i) => {
        const legs = around(1 + (i % 5))
        if (i % 4 === 3) return fx.ledger.transferMany(fx.db, legs.toReversed())
        if (i % 4 === 2) return [await fx.ledger.transfer(fx.db, legs[0] as TransferInput)]
        return [await post(journal(i % 2 === 0 ? legs : legs.toReversed()))]
      }),
    )
    expect(Object.keys(tally(results.flat()))).toEqual(['created'])
  })

  test('LEDGER-20 with the same legs on other accounts: of each id one, no deadlock, no half journal', async () => {
    for (let round = 0; round < 10; round += 1) {
      const pairs = await Promise.all(times(4, () => wallets(100n, 0n)))
      const ids = times(10, () => randomUUID())
      const results = await Promise.all(
        pairs.map(([from, to], n) => {
          const legs = ids.map((id) => ({ ...movement(from, to, 1n), id }))
          return post(journal(n % 2 === 0 ? legs : legs.toReversed()))
        }),
      )
      expect(tally(results)).toEqual({ created: 1, conflict: 3 })
      const received = await Promise.all(pairs.map(([, to]) => fx.balanceMinor(to)))
      expect(received.toSorted((one, other) => Number(one - other))).toEqual([0n, 0n, 0n, 10n])
    }
  })

  test.each([
    ['commits', 'conflict'],
    ['rolls back', 'created'],
  ])(
    'LEDGER-07 whose id another call on other accounts has taken, which then %s, is a %s',
    async (end, outcome) => {
      const [a, b] = await wallets(100n, 0n)
      const [c, d] = await wallets(100n, 0n)
      const request = journal([movement(a, b, 1n)])
      let second: Promise<JournalResult> | undefined
      const first = fx.db.transaction().execute(async (trx) => {
        await fx.ledger.journal(trx, { ...request, transfers: [movement(c, d, 1n)] })
        second = post(request)
        await waitFor(async () => {
          const { rows } = await sql`select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'
              and query like '%ledger.journal(%'`.execute(fx.db)
          return rows.length > 0
        })
        if (end === 'rolls back') throw new Error('no')
      })
      await first.catch(() => {})
      const result = await second
      expect(result?.outcome).toBe(outcome)
      const sides = ['id', 'debitAccountId', 'creditAccountId'].map(
        (field) => `transfers[0].${field}`,
      )
      expect(result).toMatchObject(end === 'commits' ? { differs: sides } : {})
    },
  )
})

describe('faults of a journal', () => {
  test('LEDGER-11 cut off before the answer it is unknown by its own id, and posts once when sent again', async () => {
    const [a, b] = await wallets(100n, 0n)
    const request = journal([movement(a, b, 1n), movement(a, b, 2n)])
    await using proxy = await faultProxy(fx.database.url)
    await withOwnPool({ connectionString: proxy.url, max: 1 }, async (db) => {
      proxy.arm({ at: 'before_answer', statement: /ledger\.journal/ })
      expect(await fx.ledger.journal(db, request)).toMatchObject({
        outcome: 'unknown',
        id: request.id,
      })
    })
    expect((await post(request)).outcome).toBe('replayed')
    expect(await fx.balanceMinor(b)).toBe(3n)
  })

  test('a refusal leaves the transaction usable, and a fault is thrown', async () => {
    const [a, b] = await wallets(10n, 0n)
    await fx.db.transaction().execute(async (trx) => {
      const refused = await fx.ledger.journal(trx, journal([movement(a, b, 11n)]))
      expect(refused).toMatchObject({ reason: 'insufficient_funds', detail: { leg: 0 } })
      const request = journal([movement(a, b, 4n), movement(a, b, 6n)])
      expect((await fx.ledger.journal(trx, request)).outcome).toBe('created')
      expect((await fx.ledger.journal(trx, request)).outcome).toBe('replayed')
      const options = '-c lock_timeout=30'
      await withOwnPool({ connectionString: fx.database.url, options }, async (db) => {
        expect(await fx.ledger.journal(db, journal([movement(a, b, 1n)]))).toMatchObject({
          outcome: 'busy',
          cause: 'lock_timeout',
        })
        const inside = db
          .transaction()
          .execute((t) => fx.ledger.journal(t, journal([movement(a, b, 1n)])))
        await expect(inside).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
      })
    })
    expect(await fx.balanceMinor(b)).toBe(10n)
  })
})

test('LEDGER-26 after all this, every hash follows from its row and the hash before it', async () => {
  expect(await brokenLinks(fx.db)).toEqual([])
})
