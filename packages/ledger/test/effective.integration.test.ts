/*
 * Goal: a movement counts at the time that its caller says, in no period that is sealed, and what
 * is recorded never runs back. Method: seals set by hand, on a ledger of its own.
 */
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture, tally } from './support/fixture.ts'

let fx: Fixture
let from: string
let to: string

beforeEach(async () => {
  fx = await openFixture({ connectionsMax: 4 })
  ;[from, to] = [await fx.wallet(1_000n), await fx.wallet()]
})
afterEach(() => fx.closeSound())

const JANUARY = new Date('2026-01-31T23:59:59.999Z')
const FEBRUARY = new Date('2026-02-01T00:00:00.000Z')

const seal = (until: Date) =>
  sql`update ledger.book set sealed_until = ${until.toISOString()}::timestamptz`.execute(fx.db)

describe('effectiveAt', () => {
  test('is the time of recording, unless the request says otherwise', async () => {
    const now = await fx.ledger.transfer(fx.db, movement(from, to))
    if (now.outcome !== 'created') throw new Error(now.outcome)
    expect(now.transfer.effectiveAt).toEqual(now.transfer.createdAt)
    const request = { ...movement(from, to), effectiveAt: JANUARY }
    const then = await fx.ledger.transfer(fx.db, request)
    if (then.outcome !== 'created') throw new Error(then.outcome)
    expect(then.transfer.effectiveAt).toEqual(JANUARY)
    expect(then.transfer.createdAt.getTime()).toBeGreaterThanOrEqual(
      now.transfer.createdAt.getTime(),
    )
    expect(await fx.ledger.transfer(fx.db, request)).toEqual({ ...then, outcome: 'replayed' })
  })

  test('LEDGER-08 is part of what a replay is compared with', async () => {
    const request = { ...movement(from, to), effectiveAt: JANUARY }
    await fx.ledger.transfer(fx.db, request)
    for (const effectiveAt of [FEBRUARY, null]) {
      expect(await fx.ledger.transfer(fx.db, { ...request, effectiveAt })).toMatchObject({
        outcome: 'conflict',
        differs: ['effectiveAt'],
      })
    }
    const hold = movement(from, to)
    await fx.ledger.hold(fx.db, hold)
    const capture = { holdId: hold.id, effectiveAt: JANUARY }
    expect(tally([await fx.ledger.capture(fx.db, capture)])).toEqual({ created: 1 })
    expect(await fx.ledger.capture(fx.db, capture)).toMatchObject({
      outcome: 'replayed',
      transfer: { effectiveAt: JANUARY },
    })
    expect(await fx.ledger.capture(fx.db, { holdId: hold.id })).toMatchObject({
      outcome: 'conflict',
      differs: ['effectiveAt'],
    })
  })
})

describe('a sealed period', () => {
  test('LEDGER-28 takes no transfer and no capture more, and the first instant after it does', async () => {
    const hold = movement(from, to)
    await fx.ledger.hold(fx.db, hold)
    await seal(FEBRUARY)
    const refused = {
      outcome: 'rejected',
      reason: 'period_sealed',
      detail: { sealedUntil: FEBRUARY },
    }
    const late = { ...movement(from, to), effectiveAt: JANUARY }
    expect(await fx.ledger.transfer(fx.db, late)).toEqual(refused)
    const capture = { holdId: hold.id, effectiveAt: JANUARY }
    expect(await fx.ledger.capture(fx.db, capture)).toEqual(refused)
    expect(await fx.balanceMinor(to)).toBe(0n)
    const results = [
      await fx.ledger.transfer(fx.db, { ...late, effectiveAt: FEBRUARY }),
      await fx.ledger.capture(fx.db, { ...capture, effectiveAt: FEBRUARY }),
    ]
    expect(tally(results)).toEqual({ created: 2 })
  })

  test('LEDGER-28 a transfer of before the seal still replays', async () => {
    const request = { ...movement(from, to), effectiveAt: JANUARY }
    await fx.ledger.transfer(fx.db, request)
    await seal(FEBRUARY)
    expect(tally([await fx.ledger.transfer(fx.db, request)])).toEqual({ replayed: 1 })
  })

  test('LEDGER-28 nothing is recorded in it, should the clock be behind the seal', async () => {
    const ahead = new Date(Date.now() + 3_600_000)
    await seal(ahead)
    const hold = movement(from, to)
    await fx.ledger.hold(fx.db, hold)
    const results = [
      await fx.ledger.capture(fx.db, { holdId: hold.id }),
      await fx.ledger.transfer(fx.db, movement(await fx.account(), await fx.wallet())),
    ]
    for (const result of results) {
      expect(result).toMatchObject({ outcome: 'created', transfer: { createdAt: ahead } })
    }
  })

  test.each(['read committed', 'repeatable read'] as const)(
    'LEDGER-28 a seal under %s waits for a transfer that chose its time before it',
    async (isolation) => {
      let sealed: Promise<unknown> = Promise.resolve()
      await fx.db
        .transaction()
        .setIsolationLevel(isolation)
        .execute(async (trx) => {
          const request = { ...movement(from, to), effectiveAt: JANUARY }
          expect(tally([await fx.ledger.transfer(trx, request)])).toEqual({ created: 1 })
          const impatient = sql`set local lock_timeout = '50ms';
            update ledger.book set sealed_until = '2026-02-01Z'`
          await expect(impatient.execute(fx.db)).rejects.toMatchObject({ code: '55P03' })
          sealed = seal(FEBRUARY)
        })
      await sealed
    },
  )
})

describe('recorded time', () => {
  test('LEDGER-28 never runs back along an account, whatever the clock does', async () => {
    const ahead = new Date(Date.now() + 3_600_000)
    // As if the clock had been an hour ahead at the last movement, and was set back since.
    await sql`update ledger.account set recorded_at = ${ahead.toISOString()}::timestamptz
      where id = ${to}::uuid`.execute(fx.db)
    const other = await fx.wallet()
    const results = [
      await fx.ledger.transfer(fx.db, movement(from, to)),
      await fx.ledger.transfer(fx.db, movement(from, other)),
    ]
    for (const result of results) {
      expect(result).toMatchObject({ outcome: 'created', transfer: { createdAt: ahead } })
    }
  })

  test('LEDGER-26 of a seal is not before that of any row, so that none seems to breach it', async () => {
    const ahead = new Date(Date.now() + 3_600_000)
    await sql`update ledger.account set recorded_at = ${ahead.toISOString()}::timestamptz
      where id = ${to}::uuid`.execute(fx.db)
    const before = { ...movement(from, to), effectiveAt: new Date(FEBRUARY.getTime() - 1) }
    const recorded = { outcome: 'created', transfer: { createdAt: ahead } }
    expect(await fx.ledger.transfer(fx.db, before)).toMatchObject(recorded)
    const sealed = { outcome: 'sealed', period: { sealedAt: ahead } }
    expect(await fx.ledger.sealPeriod(fx.db, { until: FEBRUARY })).toMatchObject(sealed)
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  })
})
