/*
 * Goal: a batch is the same as its items one by one. Method: fast-check draws a world (accounts with
 * limits, holds open and expired, ids in use, a sealed time) and items; the world is built twice. One
 * twin gets the items in batches, the other each alone; answers, rows, balances and chains are
 * compared. TEST_SEED replays a run.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AccountInput, TransferInput, TransferResult } from '../src/index.ts'
import { brokenLinks } from './support/chain.ts'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'

const IDS = 14
const SEALED_UNTIL = new Date('2020-01-01T00:00:00.000Z')
const AMOUNT_MAX = 9_223_372_036_854_775_807n

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 4 })
  await sql`update ledger.book set sealed_until = ${SEALED_UNTIL.toISOString()}`.execute(fx.db)
})
afterAll(() => fx.closeSound())

/** The accounts of a world; items name them by number. One number more names none. */
const ACCOUNTS: readonly (Partial<AccountInput> & { readonly shards?: number })[] = [
  { kind: 'asset' },
  { kind: 'liability', floorMinor: 0n },
  { kind: 'liability', floorMinor: -50n, ceilingMinor: 250n },
  { kind: 'asset', floorMinor: 0n, ceilingMinor: 300n },
  { kind: 'income', ceilingMinor: 120n },
  { kind: 'liability', currency: 'EUR' },
  { kind: 'liability', shards: 3 },
  { kind: 'liability', floorMinor: 0n, ceilingMinor: 260n, shards: 4 },
  { kind: 'asset', floorMinor: -40n, shards: 2 },
]

interface ItemSpec {
  readonly id: number
  readonly debit: number
  readonly credit: number
  readonly amountMinor: bigint
  readonly code: string | null
  readonly metadata: { readonly [key: string]: unknown } | null
  readonly effectiveAt: Date | null
  readonly onReject: 'forget' | 'record'
}

const account = fc.nat({ max: ACCOUNTS.length })
const item: fc.Arbitrary<ItemSpec> = fc.record({
  onReject: fc.constantFrom('forget', 'record'),
  id: fc.nat({ max: IDS - 1 }),
  debit: account,
  credit: account,
  amountMinor: fc.oneof(
    { weight: 12, arbitrary: fc.bigInt({ min: 1n, max: 90n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: AMOUNT_MAX - 60n, max: AMOUNT_MAX }) },
    { weight: 1, arbitrary: fc.constant(0n) },
  ),
  code: fc.option(fc.constantFrom('fee', 'NULL'), { freq: 2 }),
  metadata: fc.option(
    fc.constantFrom({ b: 1, a: [null, 'x"y\\', '{},'] }, { a: [null, 'x"y\\', '{},'], b: 1 }),
    { freq: 2 },
  ),
  effectiveAt: fc.option(
    fc.constantFrom(new Date(SEALED_UNTIL.getTime() - 1), SEALED_UNTIL, new Date(0)),
    { freq: 2 },
  ),
})

interface World {
  readonly accounts: readonly string[]
  readonly ids: readonly string[]
  request(spec: ItemSpec): TransferInput
  /** The value with the ids of this world named, and what differs between any two calls left out. */
  plain(value: unknown): unknown
}

async function create({ shards = 0, ...rest }: (typeof ACCOUNTS)[number]): Promise<string> {
  if (shards === 0) return fx.account(rest)
  const id = randomUUID()
  await sql`select ledger.create_account(${id}::uuid, 'USD', ${rest.kind}, ${rest.floorMinor}::bigint,
    ${rest.ceilingMinor}::bigint, null, ${shards}::integer)`.execute(fx.db)
  return id
}

/** Accounts with money and holds; three ids in use: a transfer, a hold, a tombstone. */
async function world(): Promise<World> {
  const accounts: string[] = []
  for (const each of ACCOUNTS) accounts.push(await create(each))
  // The last four are not for items. The last byte says which part of a sharded account is meant.
  const ids = times(IDS + 4, (n) => randomUUID().slice(0, -2) + n.toString(16).padStart(2, '0'))
  const [asset, wallet, line, drawer] = accounts as [string, string, string, string]
  const shared = accounts[7] as string
  const lapsing = {
    ...movement(shared, asset, 60n, { expiresInMs: 1 }),
    id: ids[IDS + 3] as string,
  }
  const expiring = { ...movement(wallet, line, 70n, { expiresInMs: 1 }), id: ids[IDS] as string }
  const prepared = [
    await fx.ledger.transfer(fx.db, { ...movement(asset, wallet, 150n), id: ids[0] as string }),
    await fx.ledger.transfer(fx.db, {
      ...movement(drawer, line, 100n),
      id: ids[IDS + 1] as string,
    }),
    await fx.ledger.hold(fx.db, { ...movement(wallet, line, 30n), id: ids[1] as string }),
    await fx.ledger.transfer(fx.db, {
      ...movement(asset, shared, 90n),
      id: ids[IDS + 2] as string,
    }),
    await fx.ledger.hold(fx.db, expiring),
    await fx.ledger.hold(fx.db, lapsing),
    await fx.ledger.release(fx.db, { holdId: ids[2] as string }),
  ]
  expect(prepared.map(({ outcome }) => outcome)).toEqual(times(7, () => 'created'))
  await waitFor(
    async () => {
      const found = await fx.ledger.lookup(fx.db, lapsing.id) // the later one
      return found?.kind === 'hold' && found.hold.state === 'expired'
    },
    { intervalMs: 1 },
  )
  const nobody = randomUUID()
  const names = new Map<string, string>([
    ...[...accounts, nobody].map((id, n): [string, string] => [id, `account ${n}`]),
    ...ids.map((id, n): [string, string] => [id, `id ${n}`]),
  ])
  const at = (n: number): string => accounts[n] ?? nobody
  return {
    accounts,
    ids,
    request: ({ id, debit, credit, ...rest }) => ({
      id: ids[id] as string,
      debitAccountId: at(debit),
      creditAccountId: at(credit),
      currency: 'USD',
      ...rest,
    }),
    plain: (value) =>
      JSON.parse(
        JSON.stringify(value, (key, each: unknown) => {
          if (['createdAt', 'settledAt', 'rejectedAt'].includes(key)) return 'then'
          if (typeof each === 'bigint') return `${each}n`
          // A time that was not chosen is that of recording.
          if (key === 'effectiveAt' && !/^(?:1970|2019|2020-01-01)/.test(String(each)))
            return 'then'
          return typeof each === 'string' ? (names.get(each) ?? each) : each
        }),
      ),
  }
}

/** Everything that is stored of a world's accounts. */
async function stored({ accounts, ids, plain }: World): Promise<unknown> {
  const { rows } = await sql`select t.kind, t.id, t.debit_id, t.debit_shard, t.debit_seq::text,
      t.debit_balance_minor::text, t.credit_id, t.credit_shard, t.credit_seq::text,
      t.credit_balance_minor::text, t.amount_minor::text, t.currency, t.code, t.metadata,
      t.effective_at as "effectiveAt", t.rejection
    from ledger.transfer t
    where id = any (${ids}::uuid[])
    order by array_position(${accounts}::uuid[], debit_id), debit_shard, debit_seq,
      array_position(${ids}::uuid[], id)`.execute(fx.db)
  const balances = []
  for (const id of accounts) balances.push(await fx.ledger.balance(fx.db, id))
  const { rows: untimely } = await sql`select a.id from ledger.account a
    where coalesce(a.part_of, a.id) = any (${accounts}::uuid[]) and a.seq > 0
      and a.recorded_at is distinct from (select max(created_at) from ledger.transfer t
        where t.debit_seq is not null and (coalesce(a.part_of, a.id), a.shard)
          in ((t.debit_id, t.debit_shard), (t.credit_id, t.credit_shard)))`.execute(fx.db)
  return plain({ rows, balances, untimely })
}

/** Accounts that remember an instant by which they judged a hold expired. */
async function horizons({ accounts, plain }: World): Promise<unknown[]> {
  const { rows } = await sql`select coalesce(part_of, id) as id, shard
    from ledger.account
    where coalesce(part_of, id) = any (${accounts}::uuid[]) and expiry_horizon is not null`.execute(
    fx.db,
  )
  return rows.map((row) => plain(row))
}

const batch = fc.array(item, { minLength: 1, maxLength: 40 })

test('LEDGER-21 a batch is answered and stored as its items one by one', async () => {
  const chunk = fc.integer({ min: 1, max: 40 })
  await fc.assert(
    fc.asyncProperty(batch, chunk, fc.boolean(), async (specs, size, inTransaction) => {
      const [together, alone] = [await world(), await world()]
      const requests = specs.map((spec) => together.request(spec))
      const answers = inTransaction
        ? await fx.db
            .transaction()
            .execute((trx) => fx.ledger.transferMany(trx, requests, { chunk: size }))
        : await fx.ledger.transferMany(fx.db, requests, { chunk: size })
      const singles = []
      for (const spec of specs) {
        singles.push(await fx.ledger.transfer(fx.db, alone.request(spec)))
      }
      expect(together.plain(answers)).toEqual(alone.plain(singles))
      expect(await stored(together)).toEqual(await stored(alone))
      // A batch may remember more of them than it needs.
      expect(await horizons(together)).toEqual(expect.arrayContaining(await horizons(alone)))
    }),
    { numRuns: 30 },
  )
  expect(await brokenLinks(fx.db)).toEqual([])
  expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
})

/** What a journal answers whose legs end like this one by one. */
function refusedAs(results: readonly TransferResult[]): unknown {
  const leg = results.findIndex(({ outcome }) => outcome !== 'created')
  const first = results[leg]
  if (first?.outcome === 'rejected') return { ...first, detail: { ...first.detail, leg } }
  if (first?.outcome === 'conflict') {
    return { ...first, differs: first.differs.map((field) => `transfers[${leg}].${field}`) }
  }
  if (first?.outcome !== 'replayed') return null
  return { outcome: 'conflict', differs: [`transfers[${leg}].id`], existing: first.transfer }
}

/** Transfers until one is not created, which undoes the others. */
async function oneByOne(requests: readonly TransferInput[]): Promise<TransferResult[]> {
  const results: TransferResult[] = []
  const undo = new Error('undo')
  const work = fx.db.transaction().execute(async (trx) => {
    for (const request of requests) {
      const result = await fx.ledger.transfer(trx, request)
      results.push(result)
      if (result.outcome !== 'created') throw undo
    }
  })
  await work.catch((error: unknown) => {
    if (error !== undo) throw error
  })
  return results
}

test('LEDGER-20 a journal is posted as its legs one by one, or not at all', async () => {
  // A leg without a shape is refused before any other.
  const forgotten = item.map((leg) => ({ ...leg, onReject: 'forget' as const }))
  const shaped = forgotten.filter((leg) => leg.debit !== leg.credit && leg.amountMinor > 0n)
  // Most journals of such legs are refused for one of them; of these, none is.
  const [source, spread] = [0, 6]
  const covered = forgotten.map((leg) => ({
    ...leg,
    id: Math.max(leg.id, 3),
    ...(leg.debit % 2 === 0
      ? { debit: source, credit: spread }
      : { debit: spread, credit: source }),
    amountMinor: BigInt(leg.debit + 1),
    effectiveAt: null,
  }))
  const several = <T extends ItemSpec>(leg: fc.Arbitrary<T>) =>
    fc.uniqueArray(leg, { minLength: 1, maxLength: 8, selector: ({ id }) => id })
  const legs = fc.oneof(several(shaped), several<ItemSpec>(covered))
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(legs, async (specs) => {
      const [together, alone] = [await world(), await world()]
      const transfers = specs.map((spec) => together.request(spec))
      const answer = await fx.ledger.journal(fx.db, { id: randomUUID(), transfers })
      seen.add(answer.outcome)
      const results = await oneByOne(specs.map((spec) => alone.request(spec)))
      const refused = refusedAs(results)
      const legs = 'journal' in answer ? answer.journal.transfers : []
      const posted = legs.map((transfer) => ({ ...transfer, journalId: null, leg: null }))
      const created = results.flatMap((each) => ('transfer' in each ? [each.transfer] : []))
      expect(together.plain(posted)).toEqual(alone.plain(refused === null ? created : []))
      expect(together.plain('journal' in answer ? null : answer)).toEqual(alone.plain(refused))
      expect(await stored(together)).toEqual(await stored(alone))
    }),
    { numRuns: 30 },
  )
  expect([...seen]).toEqual(expect.arrayContaining(['created', 'rejected']))
  expect(await brokenLinks(fx.db)).toEqual([])
})
