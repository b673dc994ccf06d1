/*
 * Goal: a hold ends in exactly one way, for ever, and expires by PostgreSQL's clock with nobody
 * cleaning up. Method: every pair of competing ends at once, many times; clocks moved by moving the
 * horizon.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

/** A hold of 100 from a wallet that has just that, and its two accounts. */
async function held(rest: { amountMinor?: bigint; expiresInMs?: number } = {}) {
  const { amountMinor = 100n, ...more } = rest
  const [from, to] = [await fx.wallet(amountMinor), await fx.wallet()]
  const request = movement(from, to, amountMinor, more)
  const result = await fx.ledger.hold(fx.db, request)
  if (result.outcome !== 'created') throw new Error(`not held: ${result.outcome}`)
  return { from, to, request, id: request.id }
}

const stateOf = async (id: string) => {
  const found = await fx.ledger.lookup(fx.db, id)
  return found?.kind === 'hold' ? found.hold.state : found?.kind
}

const isExpired = (id: string) => waitFor(async () => (await stateOf(id)) === 'expired')

describe('hold', () => {
  test('reserves money on the debit account and posts nothing', async () => {
    const { from, to, request } = await held({ expiresInMs: 60_000 })
    expect(await fx.ledger.balance(fx.db, from)).toMatchObject({
      balanceMinor: 100n,
      pendingDebitsMinor: 100n,
      availableMinor: 0n,
    })
    expect(await fx.ledger.balance(fx.db, to)).toMatchObject({
      pendingCreditsMinor: 100n,
      availableMinor: 0n,
    })
    expect(tally([await fx.ledger.transfer(fx.db, movement(from, to, 1n))])).toEqual({
      'rejected: insufficient_funds': 1,
    })
    expect((await fx.ledger.hold(fx.db, request)).outcome).toBe('replayed')
  })

  test('LEDGER-08 the same id with another payload conflicts, its life included', async () => {
    const { request } = await held({ expiresInMs: 60_000 })
    const other = { ...request, amountMinor: 99n, expiresInMs: 61_000 }
    expect(await fx.ledger.hold(fx.db, other)).toMatchObject({
      outcome: 'conflict',
      differs: ['amountMinor', 'expiresInMs'],
      existing: { kind: 'hold', amountMinor: 100n },
    })
  })

  test('LEDGER-07 one hold sent 20 times at once reserves once', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const request = movement(from, to)
    const results = await Promise.all(times(20, () => fx.ledger.hold(fx.db, request)))
    expect(tally(results)).toEqual({ created: 1, replayed: 19 })
    expect(await fx.availableMinor(from)).toBe(900n)
  })
})

describe('capture', () => {
  test('posts the whole hold under the id of the hold, and replays', async () => {
    const { from, to, id } = await held()
    const results = [
      await fx.ledger.capture(fx.db, { holdId: id }),
      await fx.ledger.capture(fx.db, { holdId: id }),
      await fx.ledger.capture(fx.db, { id, holdId: id }),
    ]
    expect(tally(results)).toEqual({ created: 1, replayed: 2 })
    expect(results[0]).toMatchObject({ transfer: { kind: 'capture', id, holdId: id } })
    expect(await fx.ledger.balance(fx.db, from)).toMatchObject({
      balanceMinor: 0n,
      pendingDebitsMinor: 0n,
    })
    expect(await fx.ledger.balance(fx.db, to)).toMatchObject({
      balanceMinor: 100n,
      pendingCreditsMinor: 0n,
    })
    expect(await stateOf(id)).toBe('captured')
    expect((await fx.ledger.hold(fx.db, { ...(await held()).request })).outcome).toBe('replayed')
  })

  test('posts in parts, and a final part gives the rest back', async () => {
    const { from, to, id } = await held()
    const part = (amountMinor: bigint, final?: boolean) => ({
      id: randomUUID(),
      holdId: id,
      amountMinor,
      ...(final === undefined ? {} : { final }),
    })
    const first = part(30n)
    expect((await fx.ledger.capture(fx.db, first)).outcome).toBe('created')
    expect(await fx.ledger.lookup(fx.db, id)).toMatchObject({
      hold: { state: 'open', capturedMinor: 30n, remainingMinor: 70n },
    })
    expect(await fx.ledger.capture(fx.db, part(71n))).toEqual({
      outcome: 'rejected',
      reason: 'exceeds_hold',
      detail: { remainingMinor: 70n },
    })
    expect((await fx.ledger.capture(fx.db, part(20n, true))).outcome).toBe('created')
    expect(tally([await fx.ledger.capture(fx.db, part(1n))])).toEqual({
      'rejected: already_captured': 1,
    })
    expect((await fx.ledger.capture(fx.db, first)).outcome).toBe('replayed')
    expect(await fx.balanceMinor(to)).toBe(50n)
    expect(await fx.availableMinor(from)).toBe(50n)
    const found = await fx.ledger.lookup(fx.db, id)
    expect(found?.kind === 'hold' && found.captures.map((t) => t.amountMinor)).toEqual([30n, 20n])
  })

  test('LEDGER-08 the same capture id with another payload conflicts', async () => {
    const [one, two] = [await held(), await held()]
    const capture = { id: randomUUID(), holdId: one.id, amountMinor: 10n }
    await fx.ledger.capture(fx.db, capture)
    const conflict = async (change: object) => {
      const result = await fx.ledger.capture(fx.db, { ...capture, ...change })
      return result.outcome === 'conflict' ? result.differs : result
    }
    expect(await conflict({ amountMinor: 11n })).toEqual(['amountMinor'])
    expect(await conflict({ final: true })).toEqual(['final'])
    expect(await conflict({ holdId: two.id })).toEqual(['holdId'])
    expect(await conflict({ id: two.id })).toEqual(['kind'])
    const { id: _, ...whole } = { ...capture, amountMinor: undefined }
    expect(await fx.ledger.capture(fx.db, { holdId: whole.holdId })).toMatchObject({
      outcome: 'created',
      transfer: { amountMinor: 90n },
    })
    expect(await conflict({ id: one.id })).toEqual(['amountMinor', 'final'])
  })

  test('LEDGER-19 parts taken at once never exceed the hold', async () => {
    const { from, to, id } = await held()
    const results = await Promise.all(
      times(20, () => fx.ledger.capture(fx.db, { id: randomUUID(), holdId: id, amountMinor: 15n })),
    )
    expect(tally(results)).toEqual({ created: 6, 'rejected: exceeds_hold': 14 })
    expect(await fx.balanceMinor(to)).toBe(90n)
    expect(await fx.ledger.balance(fx.db, from)).toMatchObject({ pendingDebitsMinor: 10n })
  })

  test('a hold never placed cannot be captured', async () => {
    expect(tally([await fx.ledger.capture(fx.db, { holdId: randomUUID() })])).toEqual({
      'rejected: hold_not_found': 1,
    })
  })
})

describe('release', () => {
  test('gives the money back once, and the id never posts', async () => {
    const { from, request, id } = await held()
    const results = await Promise.all(times(10, () => fx.ledger.release(fx.db, { holdId: id })))
    expect(tally(results)).toEqual({ created: 1, replayed: 9 })
    expect(results[0]).toMatchObject({ state: 'released', hold: { id, state: 'released' } })
    expect(await fx.availableMinor(from)).toBe(100n)
    const late = [
      await fx.ledger.capture(fx.db, { holdId: id }),
      await fx.ledger.hold(fx.db, request),
    ]
    expect(tally(late)).toEqual({ 'rejected: hold_released': 2 })
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('conflict')
  })

  test('of a captured hold answers with the transfer that posted', async () => {
    const { id } = await held()
    await fx.ledger.capture(fx.db, { holdId: id })
    expect(await fx.ledger.release(fx.db, { holdId: id })).toMatchObject({
      outcome: 'rejected',
      reason: 'already_captured',
      transfer: { id, amountMinor: 100n },
      detail: { hold: { state: 'captured' } },
    })
  })

  test('of a hold captured in part gives back the rest', async () => {
    const { from, to, id } = await held()
    await fx.ledger.capture(fx.db, { id: randomUUID(), holdId: id, amountMinor: 40n })
    expect(await fx.ledger.release(fx.db, { holdId: id })).toMatchObject({
      outcome: 'created',
      hold: { state: 'released', capturedMinor: 40n, remainingMinor: 0n },
    })
    expect(await fx.availableMinor(from)).toBe(60n)
    expect(await fx.balanceMinor(to)).toBe(40n)
  })

  test('of an id never seen keeps it from ever posting', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    const released = [
      await fx.ledger.release(fx.db, { holdId: request.id }),
      await fx.ledger.release(fx.db, { holdId: request.id }),
    ]
    expect(released.map((r) => r.outcome)).toEqual(['created', 'replayed'])
    const late = [
      await fx.ledger.hold(fx.db, request),
      await fx.ledger.transfer(fx.db, request),
      await fx.ledger.capture(fx.db, { holdId: request.id }),
      await fx.ledger.capture(fx.db, { id: request.id, holdId: (await held()).id }),
    ]
    expect(tally(late)).toEqual({ 'rejected: hold_released': 4 })
    expect(await fx.ledger.lookup(fx.db, request.id)).toMatchObject({ kind: 'tombstone' })
    expect(await fx.availableMinor(from)).toBe(100n)
  })

  test('of the id of a plain transfer says that it has posted', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    await fx.ledger.transfer(fx.db, request)
    expect(await fx.ledger.release(fx.db, { holdId: request.id })).toMatchObject({
      reason: 'already_captured',
      transfer: { id: request.id, kind: 'transfer' },
    })
  })
})

describe('LEDGER-19 competing ends', () => {
  test('a capture and a release at once: one decides, and both say the same', async () => {
    for (let round = 0; round < 40; round += 1) {
      const { from, to, id } = await held()
      const [captured, released] = await Promise.all([
        fx.ledger.capture(fx.db, { holdId: id }),
        fx.ledger.release(fx.db, { holdId: id }),
      ])
      const posted = captured.outcome === 'created'
      expect(tally([captured, released])).toEqual(
        posted
          ? { created: 1, 'rejected: already_captured': 1 }
          : { 'rejected: hold_released': 1, created: 1 },
      )
      expect(await fx.balanceMinor(to)).toBe(posted ? 100n : 0n)
      expect(await fx.availableMinor(from)).toBe(posted ? 0n : 100n)
    }
  })

  test.each(['hold', 'transfer'] as const)(
    'a %s and the release of its unseen id at once: the id posts or never does',
    async (verb) => {
      for (let round = 0; round < 40; round += 1) {
        const [from, to] = [await fx.wallet(100n), await fx.wallet()]
        const request = movement(from, to)
        const [placed, released] = await Promise.all([
          fx.ledger[verb](fx.db, request),
          fx.ledger.release(fx.db, { holdId: request.id }),
        ])
        const captured = await fx.ledger.capture(fx.db, { holdId: request.id })
        const posted = verb === 'transfer' && placed.outcome === 'created'
        expect(tally([released])).toEqual(
          posted ? { 'rejected: already_captured': 1 } : { created: 1 },
        )
        expect(captured.outcome).not.toBe('created')
        expect(await fx.balanceMinor(to)).toBe(posted ? 100n : 0n)
        expect(await fx.availableMinor(from)).toBe(posted ? 0n : 100n)
      }
    },
  )

  test('a capture and the expiry at once: the money is posted or free, never both', async () => {
    for (let round = 0; round < 25; round += 1) {
      const { from, to, id } = await held({ expiresInMs: 3 + (round % 8) })
      const [captured, spent] = await Promise.all([
        fx.ledger.capture(fx.db, { holdId: id }),
        fx.ledger.transfer(fx.db, movement(from, to, 100n)),
      ])
      expect(
        Number(captured.outcome === 'created') + Number(spent.outcome === 'created'),
      ).toBeLessThan(2)
      expect(await fx.balanceMinor(from)).toBeGreaterThanOrEqual(0n)
      await isExpiredOrCaptured(id)
    }
  })

  const isExpiredOrCaptured = (id: string) =>
    waitFor(async () => ['expired', 'captured'].includes((await stateOf(id)) ?? ''))
})

describe('expiry', () => {
  test('LEDGER-19 an expired hold is free without any clean-up, and can never be captured', async () => {
    const { from, to, id, request } = await held({ expiresInMs: 1 })
    await isExpired(id)
    expect(await fx.ledger.balance(fx.db, from)).toMatchObject({
      pendingDebitsMinor: 0n,
      availableMinor: 100n,
    })
    expect((await fx.ledger.balance(fx.db, to))?.pendingCreditsMinor).toBe(0n)
    expect((await fx.ledger.transfer(fx.db, movement(from, to, 100n))).outcome).toBe('created')
    const late = [
      await fx.ledger.capture(fx.db, { holdId: id }),
      await fx.ledger.hold(fx.db, request),
      await fx.ledger.capture(fx.db, { holdId: id }),
    ]
    expect(tally(late)).toEqual({ 'rejected: hold_expired': 3 })
    expect(await fx.ledger.release(fx.db, { holdId: id })).toMatchObject({
      outcome: 'replayed',
      state: 'released',
      hold: { state: 'expired' },
    })
  })

  test('expireHolds settles what is past its time, once', async () => {
    const { from, id } = await held({ expiresInMs: 1 })
    const open = await held({ expiresInMs: 60_000 })
    await isExpired(id)
    const counts = await Promise.all(times(4, () => fx.ledger.expireHolds(fx.db)))
    expect(counts.reduce((sum, { expired }) => sum + expired, 0)).toBeGreaterThanOrEqual(1)
    expect(await fx.ledger.expireHolds(fx.db)).toEqual({ expired: 0 })
    const { rows } = await sql<{ n: string }>`select pending_debits_minor as n
      from ledger.account where id = ${from}::uuid`.execute(fx.db)
    expect(rows[0]?.n).toBe('0')
    expect(await stateOf(open.id)).toBe('open')
  })

  test('LEDGER-28 a clock set back cannot revive a hold whose money was used', async () => {
    const { from, to, id } = await held({ expiresInMs: 1 })
    await isExpired(id)
    await fx.ledger.transfer(fx.db, movement(from, to, 100n))
    // The decision left its time behind on the accounts, which no later call goes back past.
    const { rows } = await sql<{
      past: boolean
    }>`select bool_and(a.expiry_horizon >= h.expires_at) as past
      from ledger.account a join ledger.hold h on a.id in (h.debit_id, h.credit_id)
      where h.id = ${id}::uuid`.execute(fx.db)
    expect(rows[0]?.past).toBe(true)
  })

  test('LEDGER-28 time of an account never runs behind its horizon', async () => {
    const { from, to, id } = await held({ expiresInMs: 1_800_000 })
    // As if a decision had been made one hour ahead of now, before the clock was set back.
    await sql`update ledger.account set expiry_horizon = clock_timestamp() + interval '1 hour'
      where id = ${from}::uuid`.execute(fx.db)
    expect((await fx.ledger.balance(fx.db, from))?.availableMinor).toBe(100n)
    expect(tally([await fx.ledger.capture(fx.db, { holdId: id })])).toEqual({
      'rejected: hold_expired': 1,
    })
    const again = await fx.ledger.hold(fx.db, movement(from, to, 100n, { expiresInMs: 1_000 }))
    expect(again.outcome).toBe('created')
    expect(
      (await fx.ledger.capture(fx.db, { holdId: again.outcome === 'created' ? again.hold.id : '' }))
        .outcome,
    ).toBe('created')
  })
})
