import { seeded, uniqueName } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { presets } from '../../src/index.ts'
import { faultsARound, trouble } from './faults.ts'
import { openFleet } from './fleet.ts'
import { Pace } from './pace.ts'
import { payAll } from './payers.ts'
import { openRedisPair } from './redis-pair.ts'
import type { Tally } from './tally.ts'
import { judge } from './verdict.ts'
import type { Verdict } from './verdict.ts'

export interface Campaign {
  /** At least so many: it goes on until every fault has come once. */
  readonly payments: number
  readonly clients: number
  readonly seed: number
  /** Payments between two faults. */
  readonly every: number
  /** Without it only Redis stands before the effect, under the preset for payments. */
  readonly isGuarded: boolean
  /** A database with the guard's table and that of the effects. */
  readonly database: TestDatabase
  readonly tally: Tally
  readonly signal: AbortSignal
}

const PROCESSES = 3
const LEASE_MS = 1_500

/**
 * Payments by clients that retry with the same key, while processes and Redis are treated badly.
 * The seed decides the faults, their order and what the clients do; how all that interleaves is the
 * machine's.
 */
export async function campaign(options: Campaign): Promise<Verdict> {
  const { clients, database, every, isGuarded, payments, seed, signal, tally } = options
  await using redis = await openRedisPair()
  const policy = isGuarded ? presets.guarded : presets.payments
  await using fleet = await openFleet(PROCESSES, {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    PREFIX: `${uniqueName('chaos')}:`,
    POLICY: JSON.stringify({ ...policy, leaseMs: LEASE_MS }),
    GUARD: isGuarded ? 'on' : 'off',
  })
  const ending = new AbortController()
  let over = false
  const random = seeded(seed)
  const pace = new Pace()
  const address = (): string => fleet.address(random)
  const stop = AbortSignal.any([signal, ending.signal])
  const mayEnd = (): boolean => tally.faults.size === faultsARound
  const paying = payAll(
    { tally, pace, random, prefix: `p${seed}-`, address, mayEnd, signal: stop },
    { payments, clients },
  ).finally(() => (over = true))
  const victims = { fleet, redis, tally, pace, random: seeded(seed + 1), isOver: () => over }
  const troubling = trouble(victims, every).catch((error: unknown) => {
    ending.abort() // without faults the rest would prove nothing
    throw error
  })
  const [endings] = await Promise.all([paying, troubling])
  return judge(database.db, endings)
}
