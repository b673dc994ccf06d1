// A relay leases partitions, renews the leases beside its work, and fences what it writes down by them.
// None of the three may be in the way of another one of the same relay, and no two relays may pass the fence.
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { fencePartitions } from '../src/postgres/fence-partitions.ts'
import { leasePartitions } from '../src/postgres/lease-partitions.ts'
import type { Lease } from '../src/postgres/lease-partitions.ts'
import { queryThrough } from '../src/postgres/query.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(async () => {
  await world.dispose()
})

async function lease(owner: string, db: Kysely<any> = world.db, limit = 16): Promise<Lease[]> {
  const options = { owner, leaseMs: 3_600_000, limit }
  const leases = await leasePartitions(queryThrough(db), 'queue', options)
  return leases.toSorted((a, b) => a.partition - b.partition)
}

const fence = (db: Kysely<any>, leases: readonly Lease[]): Promise<Set<number>> =>
  fencePartitions(queryThrough(db), 'queue', leases)

async function lapse(): Promise<void> {
  await sql`update queue.partition set leased_until = now() - interval '1 ms'`.execute(world.db)
}

/** Statements of this database that wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::integer as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(world.db)
  return rows[0]?.n ?? 0
}

const partitions = (leases: readonly Lease[]): number[] => leases.map((one) => one.partition)

describe('a lease', () => {
  it('QUEUE-44 is renewed while confirms of its partition are written down', async () => {
    const leases = await lease('a')
    expect(partitions(leases)).toHaveLength(16)
    await world.db.transaction().execute(async (trx) => {
      await fence(trx, leases.slice(0, 5))
      expect(await lease('a')).toEqual(leases)
      const { rows } = await sql`select distinct leased_until from queue.partition`.execute(trx)
      expect(rows).toHaveLength(1)
    })
  })

  it('that ran out is not taken by another relay while its owner writes down what was confirmed', async () => {
    const leases = await lease('a')
    await lapse()
    await world.db.transaction().execute(async (trx) => {
      expect(await fence(trx, leases.slice(0, 5))).toEqual(new Set([0, 1, 2, 3, 4]))
      expect(partitions(await lease('b'))).toEqual(partitions(leases.slice(5)))
    })
    expect(partitions(await lease('b'))).toEqual(partitions(leases))
  })

  it('that another relay is taking is waited for by what its owner writes down, and then lost', async () => {
    const leases = await lease('a')
    await lapse()
    const { fenced } = await world.db.transaction().execute(async (taking) => {
      expect(partitions(await lease('b', taking, 10))).toHaveLength(10)
      const fenced = world.db.transaction().execute(async (trx) => await fence(trx, leases))
      await waitFor(async () => (await waiting()) === 1)
      return { fenced }
    })
    expect([...(await fenced)]).toEqual([10, 11, 12, 13, 14, 15])
  })

  it('begins a new epoch when it had run out, also for the relay that had it', async () => {
    const leases = await lease('a')
    await lapse()
    const again = await lease('a')
    expect(again.map(({ epoch }) => BigInt(epoch))).toEqual(
      leases.map(({ epoch }) => BigInt(epoch) + 1n),
    )
  })

  it('is renewed before another is taken, when the relay may not have all', async () => {
    await lease('b', world.db, 4)
    const leases = await lease('a', world.db, 6)
    await sql`update queue.partition set leased_until = now() - interval '1 ms' where owner = 'b'`.execute(
      world.db,
    )
    expect(await lease('a', world.db, 6)).toEqual(leases)
    expect(partitions(await lease('a', world.db, 8))).toEqual([0, 1, ...partitions(leases)])
  })
})

describe('a relay', () => {
  it('QUEUE-44 asks for its leases once at a time, however long the answer takes', async () => {
    const relay = world.publishingBus().relay({ leaseMs: 1_000, pollMs: 10 })
    relay.start()
    await waitFor(() => relay.health().leasedPartitions === 16)
    await world.db.transaction().execute(async (slow) => {
      await sql`lock table queue.partition in share row exclusive mode`.execute(slow)
      // Some renewals were due meanwhile.
      await waitFor(() => relay.health().leasedPartitions === 0)
      expect(await waitFor(waiting)).toBe(1)
    })
    await waitFor(() => relay.health().leasedPartitions === 16)
  })
})
