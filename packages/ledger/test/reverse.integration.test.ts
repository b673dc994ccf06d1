/*
 * Goal: what was moved can be given back in parts, never beyond the original, and never by breaking
 * the payee's limits. Method: each claim on a real PostgreSQL; the races many times.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

/** A transfer of 100 from a wallet that has just that, and its two accounts. */
async function paid(amountMinor = 100n) {
  const [from, to] = [await fx.wallet(amountMinor), await fx.wallet()]
  const request = movement(from, to, amountMinor, { code: 'payment' })
  const result = await fx.ledger.transfer(fx.db, request)
  if (result.outcome !== 'created') throw new Error(`not paid: ${result.outcome}`)
  return { from, to, transferId: request.id }
}

const refund = (transferId: string, amountMinor?: bigint) => ({
  id: randomUUID(),
  transferId,
  ...(amountMinor === undefined ? {} : { amountMinor }),
})

const reversedOf = async (id: string) => {
  const found = await fx.ledger.lookup(fx.db, id)
  return found !== null && 'reversedMinor' in found ? found.reversedMinor : null
}

describe('reverse', () => {
  test('moves the amount back in a row of its own, linked to the original', async () => {
    const { from, to, transferId } = await paid()
    const request = { ...refund(transferId, 30n), code: 'refund', metadata: { case: 7 } }
    const result = await fx.ledger.reverse(fx.db, request)
    expect(result).toMatchObject({
      outcome: 'created',
      transfer: {
        kind: 'reversal',
        id: request.id,
        reversesId: transferId,
        debitAccountId: to,
        creditAccountId: from,
        amountMinor: 30n,
        code: 'refund',
        metadata: { case: 7 },
        debitBalanceMinor: 70n,
        creditBalanceMinor: 30n,
      },
    })
    expect([await fx.balanceMinor(from), await fx.balanceMinor(to)]).toEqual([30n, 70n])
    expect(await reversedOf(transferId)).toBe(30n)
    expect(await fx.ledger.lookup(fx.db, request.id)).toMatchObject({
      kind: 'transfer',
      transfer: { kind: 'reversal', reversesId: transferId },
      reversedMinor: 0n,
    })
  })

  test('without an amount gives back all that is left, and replays as that', async () => {
    const { from, transferId } = await paid()
    await fx.ledger.reverse(fx.db, refund(transferId, 30n))
    const rest = refund(transferId)
    const results = [
      await fx.ledger.reverse(fx.db, rest),
      await fx.ledger.reverse(fx.db, rest),
      await fx.ledger.reverse(fx.db, { ...rest, amountMinor: 70n }),
    ]
    expect(tally(results)).toEqual({ created: 1, replayed: 1, conflict: 1 })
    expect(results[0]).toMatchObject({ transfer: { amountMinor: 70n } })
    expect(results[2]).toMatchObject({ differs: ['amountMinor'] })
    expect(await fx.balanceMinor(from)).toBe(100n)
  })

  test('LEDGER-18 the sum of all reversals is at most the original', async () => {
    const { from, transferId } = await paid()
    const exceeds = (remainingMinor: bigint) => ({
      outcome: 'rejected',
      reason: 'exceeds_original',
      detail: { remainingMinor },
    })
    expect(await fx.ledger.reverse(fx.db, refund(transferId, 101n))).toEqual(exceeds(100n))
    expect(tally([await fx.ledger.reverse(fx.db, refund(transferId, 60n))])).toEqual({ created: 1 })
    expect(await fx.ledger.reverse(fx.db, refund(transferId, 41n))).toEqual(exceeds(40n))
    expect(tally([await fx.ledger.reverse(fx.db, refund(transferId, 40n))])).toEqual({ created: 1 })
    expect(await fx.ledger.reverse(fx.db, refund(transferId))).toEqual(exceeds(0n))
    expect(await fx.ledger.reverse(fx.db, refund(transferId, 1n))).toEqual(exceeds(0n))
    expect([await fx.balanceMinor(from), await reversedOf(transferId)]).toEqual([100n, 100n])
  })

  test('LEDGER-18 of two partial reversals at once that together exceed the original one is created', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { from, to, transferId } = await paid()
      await fx.ledger.transfer(fx.db, movement(fx.sourceId, to, 100n)) // the payee has plenty
      const results = await Promise.all([
        fx.ledger.reverse(fx.db, refund(transferId, 60n)),
        fx.ledger.reverse(fx.db, refund(transferId, 60n)),
      ])
      expect(tally(results)).toEqual({ created: 1, 'rejected: exceeds_original': 1 })
      expect([await fx.balanceMinor(from), await reversedOf(transferId)]).toEqual([60n, 60n])
    }
  })

  test.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'LEDGER-18 under %s many reversals at once give back the original and no more',
    async (isolation) => {
      const { from, to, transferId } = await paid()
      await fx.ledger.transfer(fx.db, movement(fx.sourceId, to, 900n))
      const settled = await Promise.allSettled(
        times(20, () =>
          fx.db
            .transaction()
            .setIsolationLevel(isolation)
            .execute((trx) => fx.ledger.reverse(trx, refund(transferId, 15n))),
        ),
      )
      const created = settled.filter(
        (s) => s.status === 'fulfilled' && s.value.outcome === 'created',
      )
      const sum = 15n * BigInt(created.length)
      expect(sum).toBeLessThanOrEqual(90n)
      expect(created.length).toBeGreaterThan(0)
      expect([await fx.balanceMinor(from), await reversedOf(transferId)]).toEqual([sum, sum])
      for (const end of settled.filter((s) => s.status === 'rejected')) {
        expect(end.reason).toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
      }
    },
  )

  test('LEDGER-18 a CHECK stands behind the function', async () => {
    const { transferId } = await paid()
    await fx.ledger.reverse(fx.db, refund(transferId, 60n))
    const more = sql`update ledger.reversal_total set reversed_minor = 101
      where transfer_id = ${transferId}::uuid`.execute(fx.db)
    await expect(more).rejects.toMatchObject({ constraint: 'reversal_total_within_original' })
  })

  test('LEDGER-18 a payee who has spent the money is not driven below the floor', async () => {
    const { to, transferId } = await paid()
    await fx.ledger.transfer(fx.db, movement(to, fx.sourceId, 80n))
    expect(await fx.ledger.reverse(fx.db, refund(transferId))).toEqual({
      outcome: 'rejected',
      reason: 'insufficient_funds',
      detail: { accountId: to, availableMinor: 20n, floorMinor: 0n },
    })
    expect(await reversedOf(transferId)).toBe(0n)
    expect(tally([await fx.ledger.reverse(fx.db, refund(transferId, 20n))])).toEqual({ created: 1 })
  })

  test('LEDGER-18 a capture can be given back, a hold and a reversal cannot', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const hold = movement(from, to, 100n)
    await fx.ledger.hold(fx.db, hold)
    const reason = async (transferId: string) =>
      tally([await fx.ledger.reverse(fx.db, refund(transferId))])
    expect(await reason(hold.id)).toEqual({ 'rejected: not_reversible': 1 })
    const part = { id: randomUUID(), holdId: hold.id, amountMinor: 40n }
    await fx.ledger.capture(fx.db, part)
    expect(await reason(hold.id)).toEqual({ 'rejected: not_reversible': 1 })
    await fx.ledger.capture(fx.db, { holdId: hold.id }) // the rest, under the id of the hold
    const back = refund(hold.id)
    expect(await fx.ledger.reverse(fx.db, back)).toMatchObject({
      outcome: 'created',
      transfer: { amountMinor: 60n },
    })
    expect(await fx.ledger.reverse(fx.db, refund(part.id, 10n))).toMatchObject({
      outcome: 'created',
      transfer: { amountMinor: 10n },
    })
    expect(await reversedOf(hold.id)).toBe(70n)
    expect(await reason(back.id)).toEqual({ 'rejected: not_reversible': 1 })
  })

  test('LEDGER-18 an id that never posts and an id nobody knows cannot be given back', async () => {
    const released = randomUUID()
    await fx.ledger.release(fx.db, { holdId: released })
    const results = [
      await fx.ledger.reverse(fx.db, refund(released)),
      await fx.ledger.reverse(fx.db, refund(randomUUID())),
    ]
    expect(tally(results)).toEqual({
      'rejected: not_reversible': 1,
      'rejected: transfer_not_found': 1,
    })
  })
})

describe('replay and conflict of a reversal', () => {
  test('LEDGER-07 one reversal sent 20 times at once gives back once', async () => {
    const { from, transferId } = await paid()
    const request = refund(transferId, 10n)
    const results = await Promise.all(times(20, () => fx.ledger.reverse(fx.db, request)))
    expect(tally(results)).toEqual({ created: 1, replayed: 19 })
    expect(await fx.balanceMinor(from)).toBe(10n)
  })

  test('LEDGER-08 the same id with another payload conflicts, and every differing field is named', async () => {
    const [one, two] = [await paid(), await paid()]
    const request = { ...refund(one.transferId, 10n), code: 'a', metadata: { n: 1 } }
    await fx.ledger.reverse(fx.db, request)
    const changes: Record<string, unknown> = {
      transferId: two.transferId,
      amountMinor: 11n,
      code: 'b',
      metadata: null,
      effectiveAt: new Date('2026-01-01'),
    }
    for (const [field, value] of Object.entries(changes)) {
      const result = await fx.ledger.reverse(fx.db, { ...request, [field]: value })
      expect(result).toMatchObject({ outcome: 'conflict', differs: [field] })
    }
    expect(await reversedOf(two.transferId)).toBe(0n)
  })

  test('LEDGER-08 an id is a reversal, or another thing, and stays that', async () => {
    const { from, to, transferId } = await paid()
    const request = refund(transferId, 10n)
    await fx.ledger.reverse(fx.db, request)
    const released = randomUUID()
    await fx.ledger.release(fx.db, { holdId: released })
    const hold = movement(from, to, 1n)
    await fx.ledger.hold(fx.db, hold)
    const kind = { outcome: 'conflict', differs: ['kind'] }
    const same = { ...movement(to, from, 10n), id: request.id }
    expect(await fx.ledger.transfer(fx.db, same)).toMatchObject(kind)
    expect(await fx.ledger.hold(fx.db, same)).toMatchObject(kind)
    expect(await fx.ledger.reverse(fx.db, { id: hold.id, transferId })).toMatchObject(kind)
    expect(await fx.ledger.reverse(fx.db, { id: transferId, transferId })).toMatchObject(kind)
    expect(await fx.ledger.reverse(fx.db, { id: released, transferId })).toMatchObject({
      reason: 'hold_released',
    })
    expect(await fx.ledger.release(fx.db, { holdId: request.id })).toMatchObject({
      reason: 'already_captured',
      transfer: { kind: 'reversal' },
    })
  })
})
