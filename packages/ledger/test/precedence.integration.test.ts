/*
 * Goal: of several reasons to refuse a request, the first of the documented list is given, and
 * nothing is written. Method: every two faults that one request can have at once, and all of them.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountInput, RejectionReason } from '../src/index.ts'
import { type Fixture, movement, openFixture } from './support/fixture.ts'

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
