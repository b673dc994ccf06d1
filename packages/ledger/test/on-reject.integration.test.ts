/*
 * Goal: what becomes of an id whose request was refused is the choice of its caller, and holds.
 * Method: both policies with funds that arrive in between; what was written down, by every verb.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HoldInput } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

const VERBS = ['transfer', 'hold'] as const
const record = (request: ReturnType<typeof movement>): HoldInput => ({
  ...request,
  onReject: 'record',
})

/** A request that was refused for lack of funds and written down. */
async function refused(verb: (typeof VERBS)[number]) {
  const [from, to] = [await fx.wallet(), await fx.wallet()]
  const rest = { code: 'payment', metadata: { n: 1 }, expiresInMs: 60_000 }
  const request = record(movement(from, to, 100n, rest))
  const result = await fx.ledger[verb](fx.db, request)
  expect(result).toMatchObject({ reason: 'insufficient_funds' })
  return { from, to, request }
}

describe('onReject', () => {
  test.each(VERBS)(
    'LEDGER-09 forget, the default: the same %s succeeds once funds have arrived',
    async (verb) => {
      for (const policy of [{}, { onReject: 'forget' }] as const) {
        const [from, to] = [await fx.wallet(), await fx.wallet()]
        const request = { ...movement(from, to), ...policy }
        expect(tally([await fx.ledger[verb](fx.db, request)])).toEqual({
          'rejected: insufficient_funds': 1,
        })
        expect(await fx.ledger.lookup(fx.db, request.id)).toBeNull()
        await fx.ledger.transfer(fx.db, movement(fx.sourceId, from))
        expect(tally([await fx.ledger[verb](fx.db, request)])).toEqual({ created: 1 })
      }
    },
  )

  test.each(VERBS)(
    'LEDGER-09 record: the same %s stays refused, whatever funds arrive and however it is sent',
    async (verb) => {
      const { from, to, request } = await refused(verb)
      await fx.ledger.transfer(fx.db, movement(fx.sourceId, from))
      for (const onReject of ['record', 'forget'] as const) {
        const again = await fx.ledger[verb](fx.db, { ...request, onReject })
        expect(again).toEqual({
          outcome: 'rejected',
          reason: 'previously_rejected',
          detail: { reason: 'insufficient_funds', rejectedAt: expect.any(Date) },
        })
      }
      expect([await fx.balanceMinor(to), await fx.availableMinor(from)]).toEqual([0n, 100n])
    },
  )

  test.each(VERBS)('LEDGER-09 a recorded refusal of a %s is found by its id', async (verb) => {
    const { from, request } = await refused(verb)
    const rejection = {
      kind: 'rejection',
      verb,
      id: request.id,
      debitAccountId: from,
      amountMinor: 100n,
      metadata: { n: 1 },
      reason: 'insufficient_funds',
      detail: { accountId: from, availableMinor: 0n, floorMinor: 0n },
      rejectedAt: expect.any(Date),
    }
    expect(await fx.ledger.lookup(fx.db, request.id)).toMatchObject({
      kind: 'rejection',
      rejection,
    })
    expect(await fx.ledger.resolve(fx.db, { id: request.id })).toMatchObject({
      state: 'rejected',
      rejection,
    })
  })

  test.each([
    ['transfer', { amountMinor: 99n, code: null, effectiveAt: new Date('2026-01-01') }],
    ['hold', { amountMinor: 99n, code: null, expiresInMs: 1_000 }],
  ] as const)('LEDGER-08 another %s of that id conflicts', async (verb, change) => {
    const { request } = await refused(verb)
    expect(await fx.ledger[verb](fx.db, { ...request, ...change })).toMatchObject({
      outcome: 'conflict',
      differs: Object.keys(change),
      existing: { kind: 'rejection', amountMinor: 100n },
    })
  })

  test('LEDGER-08 that id is of no other kind, for ever', async () => {
    const [asTransfer, asHold] = [await refused('transfer'), await refused('hold')]
    await fx.ledger.transfer(fx.db, movement(fx.sourceId, asTransfer.from, 500n))
    const kind = { outcome: 'conflict', differs: ['kind'], existing: { kind: 'rejection' } }
    const { id } = asTransfer.request
    const paid = movement(asTransfer.from, asTransfer.to, 10n)
    const hold = movement(asTransfer.from, asTransfer.to, 10n)
    await fx.ledger.transfer(fx.db, paid)
    await fx.ledger.hold(fx.db, hold)
    expect(await fx.ledger.hold(fx.db, asTransfer.request)).toMatchObject(kind)
    expect(await fx.ledger.transfer(fx.db, asHold.request)).toMatchObject(kind)
    expect(await fx.ledger.capture(fx.db, { id, holdId: hold.id })).toMatchObject(kind)
    expect(await fx.ledger.reverse(fx.db, { id, transferId: paid.id })).toMatchObject(kind)
    const refund = { id: randomUUID(), transferId: id }
    expect(await fx.ledger.reverse(fx.db, refund)).toMatchObject({ reason: 'not_reversible' })
    expect(await fx.ledger.capture(fx.db, { holdId: id })).toMatchObject(kind)
  })

  test('the release of that id agrees that it never posts', async () => {
    const { request } = await refused('hold')
    const released = [
      await fx.ledger.release(fx.db, { holdId: request.id }),
      await fx.ledger.release(fx.db, { holdId: request.id }),
    ]
    expect(released).toMatchObject([
      { outcome: 'created', state: 'released', hold: null },
      { outcome: 'replayed', state: 'released', hold: null },
    ])
    expect((await fx.ledger.hold(fx.db, request)).outcome).toBe('rejected')
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('conflict')
  })

  test.each(VERBS)('LEDGER-07 one %s sent 20 times at once is written down once', async (verb) => {
    const [from, to] = [await fx.wallet(), await fx.wallet()]
    const unknown = () => movement(randomUUID(), randomUUID()) // no lock orders these
    for (const request of [movement(from, to), ...times(10, unknown)].map(record)) {
      const results = await Promise.all(times(20, () => fx.ledger[verb](fx.db, request)))
      const reasons = Object.values(tally(results)).toSorted((a, b) => a - b)
      expect(reasons).toEqual([1, 19])
      expect(tally(results)).toMatchObject({ 'rejected: previously_rejected': 19 })
    }
  })

  test('every refusal by the state of accounts is recorded, none by its shape', async () => {
    const [eur, usd] = [await fx.account({ currency: 'EUR' }), await fx.account()]
    const requests = [movement(eur, usd), movement(usd, randomUUID())].map(record)
    for (const request of requests) {
      const reason = (await fx.ledger.transfer(fx.db, request)) as { reason?: string }
      expect(await fx.ledger.transfer(fx.db, request)).toMatchObject({
        reason: 'previously_rejected',
        detail: { reason: reason.reason },
      })
    }
    const shapeless = record(movement(usd, usd))
    expect(await fx.ledger.transfer(fx.db, shapeless)).toMatchObject({ reason: 'same_account' })
    expect(await fx.ledger.lookup(fx.db, shapeless.id)).toBeNull()
  })

  test('what succeeds is not touched by the policy, and a rollback forgets the refusal', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = record(movement(from, to))
    const results = [
      await fx.ledger.transfer(fx.db, request),
      await fx.ledger.transfer(fx.db, request),
    ]
    expect(tally(results)).toEqual({ created: 1, replayed: 1 })
    const second = record(movement(from, to))
    const rolledBack = fx.db.transaction().execute(async (trx) => {
      expect((await fx.ledger.transfer(trx, second)).outcome).toBe('rejected')
      throw new Error('the caller gives up')
    })
    await expect(rolledBack).rejects.toThrow('the caller gives up')
    expect(await fx.ledger.lookup(fx.db, second.id)).toBeNull()
  })

  test('a policy that does not exist is refused', async () => {
    const request = { ...movement(randomUUID(), randomUUID()), onReject: 'maybe' as 'record' }
    const call = fx.ledger.transfer(fx.db, request)
    await expect(call).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
  })

  test('a recorded refusal cannot be changed or deleted', async () => {
    const { request } = await refused('transfer')
    const forget = sql`delete from ledger.transfer where id = ${request.id}::uuid`.execute(fx.db)
    await expect(forget).rejects.toMatchObject({ code: 'LG900' })
  })
})
