/*
 * Goal: of several reasons to refuse a request, the first of the documented list is given, and
 * nothing is written. Method: every two faults that one request can have at once, and all of them.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountInput, RejectionReason } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 2 })
  await sql`update ledger.book set sealed_until = '2026-02-01Z'`.execute(fx.db)
})
afterAll(() => fx.close())

/** What is wrong with an account, and how it comes to be so. */
interface Fault {
  readonly reason: RejectionReason
  /** Null: of the request, not of an account. */
  readonly side: 'debit' | 'credit' | null
  /** The account does not exist at all. */
  readonly missing?: true
  readonly account?: Partial<AccountInput>
  /** SQL: assignments to the row of the account. */
  readonly set?: string
  readonly effectiveAt?: Date
}

const CLOSED = 'closed_at = now(), debits_blocked = true, credits_blocked = true'
const FULL = 'posted_debits_minor = 9223372036854775807, posted_credits_minor = 9223372036854775807'
const EMPTY = { kind: 'liability', floorMinor: 0n } as const
const FULL_UP = { kind: 'liability', ceilingMinor: 0n } as const
const EMPTY_ASSET = { kind: 'asset', floorMinor: 0n } as const
const FULL_ASSET = { kind: 'asset', ceilingMinor: 0n } as const

/** In the documented order. */
const FAULTS: readonly Fault[] = [
  { reason: 'account_not_found', side: 'debit', missing: true },
  { reason: 'account_not_found', side: 'credit', missing: true },
  { reason: 'account_closed', side: 'debit', set: CLOSED },
  { reason: 'account_closed', side: 'credit', set: CLOSED },
  { reason: 'account_frozen', side: 'debit', set: 'debits_blocked = true' },
  { reason: 'account_frozen', side: 'credit', set: 'credits_blocked = true' },
  { reason: 'currency_mismatch', side: 'debit', account: { currency: 'EUR' } },
  { reason: 'currency_mismatch', side: 'credit', account: { currency: 'EUR' } },
  { reason: 'period_sealed', side: null, effectiveAt: new Date('2026-01-01') },
  { reason: 'overflow', side: 'debit', set: FULL },
  { reason: 'overflow', side: 'credit', set: FULL },
  { reason: 'insufficient_funds', side: 'debit', account: EMPTY },
  { reason: 'insufficient_funds', side: 'credit', account: EMPTY_ASSET },
  { reason: 'limit_exceeded', side: 'debit', account: FULL_ASSET },
  { reason: 'limit_exceeded', side: 'credit', account: FULL_UP },
]

const named = ({ reason, side }: Fault) => (side === null ? reason : `${reason} (${side})`)

/** Two faults that one account cannot have: it is missing, or it would need two kinds. */
const exclude = (one: Fault, other: Fault): boolean =>
  one.side === other.side &&
  (one.missing !== undefined ||
    (one.account?.kind !== undefined && other.account?.kind !== undefined))

const pairs = FAULTS.flatMap((first, i) =>
  FAULTS.slice(i + 1).flatMap((second) =>
    exclude(first, second) ? [] : [[named(first), named(second), first, second] as const],
  ),
)

/** An account with those of the faults that are its own. */
async function accountWith(side: 'debit' | 'credit', faults: readonly Fault[]): Promise<string> {
  const own = faults.filter((fault) => fault.side === side)
  if (own.some((fault) => fault.missing)) return randomUUID()
  const id = await fx.account(Object.assign({}, ...own.map((fault) => fault.account)))
  await fx.db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx) // no triggers
    for (const { set } of own) {
      if (set === undefined) continue
      await sql.raw(`update ledger.account set ${set} where id = '${id}'`).execute(trx)
    }
  })
  return id
}

async function requestWith(faults: readonly Fault[]) {
  const debit = await accountWith('debit', faults)
  const credit = await accountWith('credit', faults)
  const effectiveAt = faults.find((fault) => fault.effectiveAt !== undefined)?.effectiveAt ?? null
  return { ...movement(debit, credit), effectiveAt }
}

describe('LEDGER-17 of the reasons about accounts', () => {
  test.each(pairs)('%s goes before %s', async (_first, _second, first, second) => {
    const request = await requestWith([first, second])
    const rows = await fx.journalRows()
    const accountId = first.side === 'credit' ? request.creditAccountId : request.debitAccountId
    const refused = {
      outcome: 'rejected',
      reason: first.reason,
      detail: first.side === null ? { sealedUntil: new Date('2026-02-01') } : { accountId },
    }
    const verbs = first.side === null ? (['transfer'] as const) : (['transfer', 'hold'] as const)
    for (const verb of verbs) {
      expect(await fx.ledger[verb](fx.db, request)).toMatchObject(refused)
    }
    expect([await fx.ledger.lookup(fx.db, request.id), await fx.journalRows()]).toEqual([
      null,
      rows,
    ])
  })

  test('each is given once all before it are repaired', async () => {
    const reasons: string[] = []
    for (let i = 0; i < FAULTS.length; i += 1) {
      // Of those that exclude each other, the one that is next.
      const faults = FAULTS.slice(i).reduce<Fault[]>(
        (kept, fault) => (kept.some((other) => exclude(other, fault)) ? kept : [...kept, fault]),
        [],
      )
      const result = await fx.ledger.transfer(fx.db, await requestWith(faults))
      reasons.push(result.outcome === 'rejected' ? result.reason : result.outcome)
    }
    expect(reasons).toEqual(FAULTS.map((fault) => fault.reason))
  })
})

const JANUARY = new Date('2026-01-01')

/** Blocks both accounts of a request: it may still be wrong in what it refers to. */
const freeze = (...ids: string[]) =>
  sql`update ledger.account set debits_blocked = true, credits_blocked = true
    where id in (${sql.join(ids.map((id) => sql`${id}::uuid`))})`.execute(fx.db)

describe('LEDGER-17 what a request refers to goes before its accounts and the sealed period', () => {
  const ends: readonly (readonly [RejectionReason, (holdId: string) => Promise<unknown>])[] = [
    ['hold_released', (holdId) => fx.ledger.release(fx.db, { holdId })],
    ['already_captured', (holdId) => fx.ledger.capture(fx.db, { holdId })],
    [
      'hold_expired',
      (holdId) =>
        sql`update ledger.hold set state = 'expired', settled_at = now()
          where id = ${holdId}::uuid`.execute(fx.db),
    ],
    ['exceeds_hold', () => Promise.resolve()],
    ['account_frozen', () => Promise.resolve()],
  ]

  test.each(ends)('capture: %s', async (reason, end) => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const hold = movement(from, to)
    await fx.ledger.hold(fx.db, hold)
    await end(hold.id)
    await freeze(from, to)
    const rows = await fx.journalRows()
    const amountMinor = reason === 'account_frozen' ? 100n : 101n
    const capture = { id: randomUUID(), holdId: hold.id, amountMinor, effectiveAt: JANUARY }
    expect(tally([await fx.ledger.capture(fx.db, capture)])).toEqual({ [`rejected: ${reason}`]: 1 })
    expect(await fx.journalRows()).toBe(rows)
    expect(tally([await fx.ledger.capture(fx.db, { ...capture, holdId: randomUUID() })])).toEqual({
      'rejected: hold_not_found': 1,
    })
  })

  test('reverse: transfer_not_found, not_reversible, exceeds_original, then the accounts', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const [paid, hold] = [movement(from, to, 50n), movement(from, to, 50n)]
    await fx.ledger.transfer(fx.db, paid)
    await fx.ledger.hold(fx.db, hold)
    await fx.ledger.transfer(fx.db, movement(to, fx.sourceId, 50n))
    await freeze(from, to)
    const rows = await fx.journalRows()
    const reason = async (transferId: string, amountMinor: bigint, effectiveAt = JANUARY) => {
      const request = { id: randomUUID(), transferId, amountMinor, effectiveAt }
      const result = await fx.ledger.reverse(fx.db, request)
      return result.outcome === 'rejected' ? result.reason : result.outcome
    }
    const unfreeze = (blocked: 'debits' | 'credits') =>
      sql
        .raw(`update ledger.account set ${blocked}_blocked = false where closed_at is null`)
        .execute(fx.db)
    const reasons = [
      await reason(randomUUID(), 51n),
      await reason(hold.id, 51n),
      await reason(paid.id, 51n),
      await reason(paid.id, 50n),
      await unfreeze('debits').then(() => reason(paid.id, 50n)),
      await unfreeze('credits').then(() => reason(paid.id, 50n)),
      await reason(paid.id, 50n, new Date('2026-03-01')),
    ]
    expect(reasons).toEqual([
      'transfer_not_found',
      'not_reversible',
      'exceeds_original',
      'account_frozen',
      'account_frozen',
      'period_sealed',
      'insufficient_funds',
    ])
    expect(await fx.journalRows()).toBe(rows)
  })

  test('an id already used goes before all of them', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const [paid, hold] = [movement(from, to, 50n), movement(from, to, 50n)]
    await fx.ledger.transfer(fx.db, paid)
    await fx.ledger.hold(fx.db, hold)
    await freeze(from, to)
    const effectiveAt = JANUARY
    const results = [
      await fx.ledger.capture(fx.db, { id: paid.id, holdId: randomUUID(), effectiveAt }),
      await fx.ledger.reverse(fx.db, { id: hold.id, transferId: randomUUID(), effectiveAt }),
      await fx.ledger.transfer(fx.db, { ...movement(to, from, 1_000n), id: hold.id, effectiveAt }),
      await fx.ledger.hold(fx.db, { ...movement(to, from, 1_000n), id: paid.id }),
    ]
    expect(tally(results)).toEqual({ conflict: 4 })
    const again = [
      await fx.ledger.transfer(fx.db, paid),
      await fx.ledger.hold(fx.db, hold),
      await fx.ledger.release(fx.db, { holdId: hold.id }), // always allowed
    ]
    expect(again.map(({ outcome }) => outcome)).toEqual(['replayed', 'replayed', 'created'])
  })
})
