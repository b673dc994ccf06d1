/*
 * Goal: a sealed period is closed for ever and adds up, whatever is in flight when it is sealed.
 * Method: seals under load, and with transactions held open at every point of a movement.
 */
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Executor, SealedPeriod, SealInput } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'
import { tamper } from './support/tamper.ts'

let fx: Fixture
let from: string
let to: string

beforeEach(async () => {
  fx = await openFixture({ connectionsMax: 12 })
  ;[from, to] = [await fx.wallet(1_000n), await fx.wallet()]
})
afterEach(() => fx.close())

const JANUARY = new Date('2026-01-31T23:59:59.999Z')
const FEBRUARY = new Date('2026-02-01T00:00:00.000Z')
const MARCH = new Date('2026-03-01T00:00:00.000Z')

const paid = (effectiveAt: Date | null, amountMinor = 100n) => ({
  ...movement(from, to, amountMinor),
  effectiveAt,
})

async function now(): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(fx.db)
  return rows[0]?.now as Date
}

async function seal(until: Date, rest: Partial<SealInput> = {}): Promise<SealedPeriod> {
  const result = await fx.ledger.sealPeriod(fx.db, { until, ...rest })
  if (!('period' in result)) throw new Error(JSON.stringify(result))
  return result.period
}

/** Totals as stored, and as every row of the journal gives them, both as text. */
async function texts(until: Date): Promise<readonly [stored: string, recomputed: string]> {
  const { rows } = await sql<{ stored: string; recomputed: string }>`
    select (select totals::text from ledger.sealed_period where until = ${until}) as stored,
      (select coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'kind', kind,
          'postedDebitsMinor', debits::text, 'postedCreditsMinor', credits::text)
          order by currency, kind), '[]')::text
        from (
          select a.currency, a.kind,
            sum(case when t.debit_id = a.id then amount_minor else 0 end) as debits,
            sum(case when t.credit_id = a.id then amount_minor else 0 end) as credits
          from ledger.account a join ledger.transfer t on a.id in (t.debit_id, t.credit_id)
          where t.debit_seq is not null and coalesce(t.effective_at, t.created_at) < ${until}
          group by a.currency, a.kind) line) as recomputed`.execute(fx.db)
  return [rows[0]?.stored ?? '', rows[0]?.recomputed ?? '']
}

const isWaiting = (count: number) =>
  waitFor(
    async () => {
      const { rows } = await sql`select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(fx.db)
      return rows.length >= count
    },
    { message: `${count} to wait for a lock` },
  )

describe('sealPeriod', () => {
  test('sums up what is effective before its end, by currency and kind', async () => {
    await fx.ledger.transfer(fx.db, paid(JANUARY, 30n))
    await fx.ledger.transfer(fx.db, paid(FEBRUARY, 4n))
    const bank = await fx.account({ currency: 'EUR', kind: 'asset' })
    const sales = await fx.account({ currency: 'EUR', kind: 'income' })
    const sale = { ...movement(bank, sales, 7n), currency: 'EUR', effectiveAt: JANUARY }
    await fx.ledger.transfer(fx.db, sale)
    const line = (currency: string, kind: string, debits: bigint, credits: bigint) => ({
      currency,
      kind,
      postedDebitsMinor: debits,
      postedCreditsMinor: credits,
    })
    const euros = [line('EUR', 'asset', 7n, 0n), line('EUR', 'income', 0n, 7n)]
    const january = await seal(FEBRUARY)
    expect(january.totals).toEqual([...euros, line('USD', 'liability', 30n, 30n)])
    expect((await seal(MARCH)).totals).toEqual([...euros, line('USD', 'liability', 34n, 34n)])
    const today = await seal(await now())
    const dollars = [line('USD', 'asset', 1_000n, 0n), line('USD', 'liability', 34n, 1_034n)]
    expect(today.totals).toEqual([...euros, ...dollars])
    const periods = await fx.ledger.sealedPeriods(fx.db)
    expect(periods.map(({ until }) => until)).toEqual([FEBRUARY, MARCH, today.until])
    expect(await fx.ledger.sealedPeriods(fx.db, { after: FEBRUARY, limit: 1 })).toEqual([
      periods[1],
    ])
    expect(january.sealedAt.getTime()).toBeLessThanOrEqual(today.sealedAt.getTime())
    expect(await fx.ledger.verifyPeriods(fx.db)).toEqual({ clean: true, findings: [], periods: 3 })
  })

  test('answers the same call again with the same period', async () => {
    await fx.ledger.transfer(fx.db, paid(JANUARY))
    const first = await fx.ledger.sealPeriod(fx.db, { until: FEBRUARY })
    expect(first.outcome).toBe('sealed')
    await seal(MARCH)
    const again = await fx.ledger.sealPeriod(fx.db, { until: FEBRUARY })
    expect(again).toEqual({ ...first, outcome: 'replayed' })
    const empty = await openFixture({ connectionsMax: 2 })
    expect(await empty.ledger.sealPeriod(empty.db, { until: FEBRUARY })).toMatchObject({
      outcome: 'sealed',
      period: { until: FEBRUARY, totals: [] },
    })
    await empty.closeSound()
  })

  test('refuses what is no date, the future, and what is sealed, in this order', async () => {
    const sealing = (until: unknown) => fx.ledger.sealPeriod(fx.db, { until: until as Date })
    for (const until of [new Date(Number.NaN), new Date(-1), '2026-02-01', null]) {
      expect(await sealing(until)).toMatchObject({ reason: 'until_invalid' })
    }
    const ahead = new Date((await now()).getTime() + 60_000)
    expect(await sealing(ahead)).toMatchObject({ outcome: 'rejected', reason: 'period_not_over' })
    await seal(FEBRUARY)
    expect(await sealing(JANUARY)).toEqual({
      outcome: 'rejected',
      reason: 'period_sealed',
      detail: { sealedUntil: FEBRUARY },
    })
    expect(await fx.ledger.sealedPeriods(fx.db)).toHaveLength(1)
  })

  test('refuses to keep everybody waiting for the end of a transaction', async () => {
    const inside = fx.db
      .transaction()
      .execute((trx) => fx.ledger.sealPeriod(trx, { until: FEBRUARY }))
    await expect(inside).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    for (const waitMaxMs of [0, 1.5, 600_001]) {
      const out = fx.ledger.sealPeriod(fx.db, { until: FEBRUARY, waitMaxMs })
      await expect(out).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    }
  })

  test('LEDGER-10 cut off between its two steps, is finished by the same call', async () => {
    await fx.ledger.transfer(fx.db, paid(JANUARY))
    const end = FEBRUARY.toISOString()
    await sql`select ledger.seal_book(${end}::timestamptz, 1000)`.execute(fx.db)
    expect(tally([await fx.ledger.transfer(fx.db, paid(JANUARY))])).toEqual({
      'rejected: period_sealed': 1,
    })
    expect(await fx.ledger.sealedPeriods(fx.db)).toEqual([])
    expect(await fx.ledger.sealPeriod(fx.db, { until: FEBRUARY })).toMatchObject({
      outcome: 'sealed',
      period: { totals: [{ postedDebitsMinor: 100n }] },
    })
  })

  test('of the same end at once is done once', async () => {
    await fx.ledger.transfer(fx.db, paid(JANUARY))
    const results = await Promise.all(
      times(6, () => fx.ledger.sealPeriod(fx.db, { until: FEBRUARY })),
    )
    expect(tally(results)).toEqual({ sealed: 1, replayed: 5 })
    expect(new Set(results.map((result) => JSON.stringify(result, text))).size).toBe(2)
  })
})

const text = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

describe('a movement in flight when the period is sealed', () => {
  const isolations = ['read committed', 'repeatable read'] as const
  const cases = isolations.flatMap((isolation) => [
    [isolation, 'at the time of its recording', null] as const,
    [isolation, 'at a time it chose', JANUARY] as const,
  ])

  test.each(cases)('LEDGER-28 is in it: %s, %s', async (isolation, _, effectiveAt) => {
    let sealing: ReturnType<typeof seal> | undefined
    let late: Promise<unknown> | undefined
    let until = new Date(0)
    await fx.db
      .transaction()
      .setIsolationLevel(isolation)
      .execute(async (trx) => {
        await fx.ledger.transfer(trx, paid(effectiveAt, 40n))
        until = await now()
        sealing = seal(until)
        await isWaiting(1)
        late = fx.ledger.transfer(fx.db, paid(null, 2n)) // must wait for the seal
        await isWaiting(2)
        // What is in flight goes on, also with locks that it has not had yet.
        expect(tally([await fx.ledger.transfer(trx, paid(effectiveAt, 1n))])).toEqual({
          created: 1,
        })
      })
    const { totals } = (await sealing) as SealedPeriod
    // The second one's time, if it did not choose it, is after the end.
    const postedDebitsMinor = effectiveAt === null ? 40n : 41n
    expect(totals.at(-1)).toMatchObject({ kind: 'liability', postedDebitsMinor })
    const result = (await late) as { transfer: { createdAt: Date } }
    expect(result.transfer.createdAt.getTime()).toBeGreaterThanOrEqual(until.getTime())
    const [stored, recomputed] = await texts(until)
    expect(stored).toBe(recomputed)
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  })

  test('LEDGER-28 is not stopped in the middle: it had only locked its accounts', async () => {
    let sealing: ReturnType<typeof seal> | undefined
    const until = await now()
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.lock(trx, [from, to])
      sealing = seal(until)
      await isWaiting(1)
      expect(tally([await fx.ledger.transfer(trx, paid(JANUARY, 40n))])).toEqual({ created: 1 })
    })
    expect((await sealing)?.totals.at(-1)).toMatchObject({ postedDebitsMinor: 40n })
  })

  test('LEDGER-28 with a snapshot from before the seal is refused or recorded after it', async () => {
    const within = (act: (trx: Executor) => Promise<{ outcome: string }>) =>
      fx.db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (trx) => {
          await fx.ledger.balance(trx, from)
          return act(trx)
        })
    const until = await now()
    const explicit = within(async (trx) => {
      await seal(until)
      return fx.ledger.transfer(trx, paid(JANUARY))
    })
    await expect(explicit).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    const later = await now()
    const implicit = await within(async (trx) => {
      await seal(later)
      return fx.ledger.transfer(trx, paid(null))
    })
    expect(tally([implicit])).toEqual({ created: 1 })
    expect((await fx.ledger.verifyPeriods(fx.db)).clean).toBe(true)
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  })

  test('LEDGER-23 is waited for no longer than asked, and then nothing is sealed', async () => {
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.transfer(trx, paid(null))
      const request = { until: FEBRUARY, waitMaxMs: 50 }
      expect(tally([await fx.ledger.sealPeriod(fx.db, request)])).toEqual({
        'busy: lock_timeout': 1,
      })
      await fx.db.connection().execute(async (db) => {
        await sql`set lock_timeout = '40ms'`.execute(db)
        expect(tally([await fx.ledger.sealPeriod(db, { until: FEBRUARY })])).toEqual({
          'busy: lock_timeout': 1,
        })
        await sql`reset lock_timeout`.execute(db)
      })
      const other = { ...movement(fx.sourceId, await fx.wallet()), effectiveAt: JANUARY }
      expect(tally([await fx.ledger.transfer(fx.db, other)])).toEqual({ created: 1 })
    })
    expect(await fx.ledger.sealedPeriods(fx.db)).toEqual([])
    await fx.db.connection().execute(async (db) => {
      await sql`set lock_timeout = '7s'`.execute(db)
      await fx.ledger.sealPeriod(db, { until: FEBRUARY })
      const { rows } = await sql`show lock_timeout`.execute(db)
      expect(rows).toEqual([{ lock_timeout: '7s' }])
      await sql`reset lock_timeout`.execute(db)
    })
  })

  test('LEDGER-28 under load every period adds up, byte for byte, for ever', async () => {
    const wallets = await Promise.all(times(5, () => fx.wallet(1_000_000n)))
    let sealed = new Date(0)
    let moving = true
    const movers = times(6, async (n) => {
      const results = []
      for (let i = n; moving; i += 1) {
        const request = movement(
          wallets[i % 5] as string,
          wallets[(i + 1 + (n % 3)) % 5] as string,
          1n,
        )
        // Now, and a little before now: some of these will find the period sealed.
        const effectiveAt = i % 3 === 0 ? new Date(Date.now() - (i % 40)) : null
        results.push(await fx.ledger.transfer(fx.db, { ...request, effectiveAt }))
      }
      return results
    })
    const ends: Date[] = []
    for (let i = 0; i < 8; i += 1) {
      sealed = await now()
      expect(tally([await fx.ledger.sealPeriod(fx.db, { until: sealed })])).toEqual({ sealed: 1 })
      ends.push(sealed)
    }
    moving = false
    const outcomes = tally((await Promise.all(movers)).flat())
    expect(Object.keys(outcomes).toSorted()).toEqual(['created', 'rejected: period_sealed'])
    for (const end of ends) {
      const [stored, recomputed] = await texts(end)
      expect(stored).toBe(recomputed)
    }
    const verified = { clean: true, findings: [], periods: 8 }
    expect(await fx.ledger.verifyPeriods(fx.db)).toEqual(verified)
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  })
})

describe('verifyPeriods', () => {
  test('LEDGER-26 names the total that the journal does not give', async () => {
    await fx.ledger.transfer(fx.db, paid(JANUARY, 30n))
    await seal(FEBRUARY)
    await seal(MARCH)
    await tamper(
      fx.db,
      `update ledger.transfer set amount_minor = 31 where effective_at is not null`,
    )
    const finding = (until: Date, field: string) => ({
      finding: 'sealed_totals_mismatch',
      until,
      currency: 'USD',
      kind: 'liability',
      field,
      expected: '31',
      actual: '30',
    })
    const { clean, findings } = await fx.ledger.verifyPeriods(fx.db)
    expect(clean).toBe(false)
    expect(findings).toEqual([
      finding(FEBRUARY, 'postedCreditsMinor'),
      finding(FEBRUARY, 'postedDebitsMinor'),
      finding(MARCH, 'postedCreditsMinor'),
      finding(MARCH, 'postedDebitsMinor'),
    ])
  })
})
