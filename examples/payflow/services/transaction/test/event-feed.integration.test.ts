/*
 * Goal: whoever watches a payment is told each event once, in order, whatever commits when, and
 * watching costs one query at a time, or none.
 * Method: the feed over a real database, with transactions that are held open where it hurts.
 */
import { migrateTransaction } from '@payflow-app/migrations'
import { insertPending } from '@payflow-app/migrations/testing'
import { createLogger } from '@payflow-app/service-kit'
import { createTestDatabase, pause, waitFor, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createEventFeed, type EventFeed } from '../src/event-feed.ts'
import { readEvents } from '../src/sql/read-events.ts'

let database: TestDatabase
let feed: EventFeed
/** The payments of each look. */
let looks: string[][]

const logger = createLogger({ service: 'event-feed', level: 'silent' })

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: migrateTransaction,
    cacheKey: 'payflow-transaction',
  })
})
afterAll(() => database.dispose())

beforeEach(() => {
  looks = []
  feed = createEventFeed({
    read: async (after) => {
      looks.push([...after.keys()])
      return await readEvents(database.db, after)
    },
    logger,
    intervalMinMs: 5,
    intervalMaxMs: 50,
  })
})

type Db = TestDatabase['db']

const pay = (db: Db = database.db) => insertPending(db)

const dispatch = (id: string, db: Db = database.db) =>
  sql`update payments set dispatched_at = now() where id = ${id}`.execute(db)

const complete = (id: string, db: Db = database.db) =>
  sql`update payments set status = 'COMPLETED', completed_at = now(), resolved_by = 'worker'
    where id = ${id}`.execute(db)

/** Watches a payment and collects the kinds of its events. */
function watched(id: string, afterId = 0n) {
  const types: string[] = []
  const ids: bigint[] = []
  const end = feed.watch(id, afterId, (event) => {
    types.push(event.type)
    ids.push(BigInt(event.id))
  })
  return { types, ids, end }
}

/** A transaction that has done `work` and commits when it is told to. */
async function halfDone(work: (trx: Db) => Promise<unknown>) {
  const done = Promise.withResolvers<void>()
  const may = Promise.withResolvers<void>()
  const committed = database.db.transaction().execute(async (trx) => {
    await work(trx as Db)
    done.resolve()
    await may.promise
  })
  await done.promise
  return async () => {
    may.resolve()
    await committed
  }
}

describe('createEventFeed', () => {
  it('tells what commits late under a smaller id than what is known already', async () => {
    const [early, late] = [await pay(), await pay()]
    const [first, second] = [watched(early), watched(late)]
    await waitFor(() => first.types.length === 1 && second.types.length === 1)
    const commit = await halfDone((trx) => dispatch(early, trx))
    await dispatch(late) // Its event has a greater id, and is seen first.
    await waitFor(() => second.types.length === 2)
    await complete(late)
    await waitFor(() => second.types.length === 3)
    await commit()
    await waitFor(() => first.types.length === 2)
    expect(first.ids[1]).toBeLessThan(second.ids[1] ?? 0n)
    expect(first.types).toEqual(['accepted', 'dispatched'])
    expect(second.types).toEqual(['accepted', 'dispatched', 'completed'])
    first.end()
    second.end()
  })

  it('shows the events of one payment in the order of their ids, for its row is locked', async () => {
    const id = await pay()
    const { types, ids, end } = watched(id)
    const commit = await halfDone((trx) => dispatch(id, trx))
    const waiting = complete(id)
    await waitFor(async () => {
      const { rows } = await sql`select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(database.db)
      return rows.length === 1
    })
    expect(types).toEqual(['accepted'])
    await commit()
    await waiting
    await waitFor(() => types.length === 3)
    expect(types).toEqual(['accepted', 'dispatched', 'completed'])
    expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)))
    end()
  })

  it('serves all watches by one query, and each from its own place', async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => pay()))
    const all = ids.map((id) => watched(id))
    const [one = ''] = ids
    await waitFor(() => all.every(({ types }) => types.length === 1))
    const behind = watched(one)
    await waitFor(() => behind.types.length === 1)
    const ahead = watched(one, all[0]?.ids[0])
    await dispatch(one)
    await waitFor(() => [behind, all[0]].every((watch) => watch?.types.length === 2))
    await waitFor(() => ahead.types.length === 1)
    expect(ahead.types).toEqual(['dispatched'])
    expect(looks.at(-1)).toHaveLength(50)
    expect(feed.watched).toBe(50)
    for (const { end } of [...all, behind, ahead]) end()
    expect(feed.watched).toBe(0)
  })

  it('looks ever more seldom while nothing happens, and not at all while nobody watches', async () => {
    const { types, end } = watched(await pay())
    await waitFor(() => types.length === 1)
    await waitFor(() => looks.length > 3)
    const startedAt = performance.now()
    const before = looks.length
    await pause(600)
    const perSecond = (looks.length - before) / ((performance.now() - startedAt) / 1_000)
    expect(perSecond).toBeLessThan(40) // every 5 ms would be 200
    end()
    const last = looks.length
    await pause(150)
    expect(looks.length - last).toBeLessThanOrEqual(1)
    const again = watched(await pay())
    await waitFor(() => again.types.length === 1)
    again.end()
  })

  it('goes on after the database was away', async () => {
    const id = await pay()
    const { types, end } = watched(id)
    await waitFor(() => types.length === 1)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`.execute(database.db)
    await complete(id).catch(() => complete(id))
    await waitFor(() => types.length === 2)
    expect(types).toEqual(['accepted', 'completed'])
    end()
  })
})
