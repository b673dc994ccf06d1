import {
  startPostgres,
  startRabbitmq,
  createTestDatabase,
  uniqueName,
  waitFor,
  seeded,
} from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { plan } from './faults.ts'
import type { Victims } from './faults.ts'
import { Fleet } from './fleet.ts'
import { committed, effectsAbout, migrateChaos } from './tables.ts'
import type { Tally } from './tally.ts'
import { judge, openBroker } from './verdict.ts'
import type { Verdict } from './verdict.ts'

export interface Campaign {
  /** At least so many messages of the outbox: half of the writers, half of handlers. */
  readonly messages: number
  readonly faults: number
  readonly seed: number
  readonly tally: Tally
  readonly signal: AbortSignal
}

/** So many messages may wait for an effect before the writers are held up. */
const BACKLOG = 4_000
const SETTLE_MS = 180_000
/** A message of a writer has an effect in three consumers, and makes one that has an effect itself. */
const EFFECTS = 4

/** So many messages the writers write; those that are parked make none. */
export const written = (messages: number): number => Math.ceil(messages * 0.52)

/**
 * Messages through the outbox, the broker and four consumers, while everything that takes part is killed
 * and frozen, on servers of its own. The seed decides the faults, their order and their times, and
 * what is written; how all that interleaves is the machine's.
 */
export async function campaign(options: Campaign): Promise<Verdict> {
  const { seed, signal, tally } = options
  await using postgres = await startPostgres({ name: 'chaos' })
  await using rabbitmq = await startRabbitmq({ name: 'chaos' })
  await using database = await createTestDatabase({
    serverUrl: postgres.url,
    migrate: migrateChaos,
  })
  const names = {
    exchange: uniqueName('exchange'),
    moves: uniqueName('moves'),
    notes: uniqueName('notes'),
    tallies: uniqueName('tallies'),
    line: uniqueName('line'),
    observer: uniqueName('observer'),
  }
  const random = seeded(seed)
  await using fleet = await Fleet.open(
    { ...names, databaseUrl: database.url, rabbitmqUrl: rabbitmq.url },
    random,
  )
  const victims: Victims = { fleet, postgres, rabbitmq, tally, random: seeded(seed + 1) }
  const watching = watch(database, tally)
  try {
    await trouble(victims, options)
    await settled(options, signal)
    const ended = await fleet.end('worker')
    await fleet.end('relay')
    await using broker = await openBroker(rabbitmq.url)
    return await judge({ db: database.db, broker, names, ended })
  } finally {
    watching.stop()
  }
}

/** Fault after fault, with a share of the messages between two. */
async function trouble(victims: Victims, { messages, faults, signal, tally }: Campaign) {
  const toWrite = written(messages)
  for (const [index, fault] of plan(victims.random, faults).entries()) {
    if (signal.aborted) return
    const before = Math.floor((toWrite * index) / faults)
    victims.fleet.allow(Math.ceil((toWrite * (index + 1)) / faults))
    await waitFor(
      () =>
        (tally.committed >= before && tally.effects / EFFECTS >= before - BACKLOG) ||
        signal.aborted,
      { timeoutMs: 120_000, message: () => `traffic after ${tally.faultsTotal} faults` },
    )
    await fault(victims)
  }
}

/** Everything is up again: all that was written has its effects, within a time. */
async function settled({ messages, tally }: Campaign, signal: AbortSignal): Promise<void> {
  let seen = -1
  let quietSince = performance.now()
  await waitFor(
    () => {
      const now = tally.committed + tally.effects
      if (now !== seen) quietSince = performance.now()
      seen = now
      return (
        signal.aborted ||
        (tally.committed >= written(messages) && performance.now() - quietSince > 10_000)
      )
    },
    { timeoutMs: SETTLE_MS + messages * 5, intervalMs: 500, message: 'the rest to be handled' },
  )
}

/** Looks at the tables four times a second, whenever they can be looked at. */
function watch({ db }: TestDatabase, tally: Tally): { stop(): void } {
  let isLooking = false
  const look = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    try {
      tally.committed = await committed(db)
      tally.effects = await effectsAbout(db)
    } catch {
      // PostgreSQL is away; that is the point.
    } finally {
      isLooking = false
    }
  }
  const timer = setInterval(() => void look(), 250)
  return { stop: () => clearInterval(timer) }
}
