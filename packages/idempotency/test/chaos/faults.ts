import { between, shuffled, waitFor } from '@payflow/testkit'
import type { Random } from '@payflow/testkit'
import { killPoints } from './fleet.ts'
import type { Fleet } from './fleet.ts'
import type { Pace } from './pace.ts'
import type { RedisPair } from './redis-pair.ts'
import type { Tally } from './tally.ts'

/** What can be treated badly. */
export interface Victims {
  readonly fleet: Fleet
  readonly redis: RedisPair
  readonly tally: Tally
  readonly pace: Pace
  readonly random: Random
  /** No payment is under way any more. */
  readonly isOver: () => boolean
}

type Fault = (victims: Victims) => Promise<void>

/** Every fault once: its order is the round's. */
const faults: readonly Fault[] = [
  ...killPoints.map((point) => (victims: Victims) => processKilled(victims, point)),
  redisKilled,
  redisFlushed,
  redisFailedOver,
]

/** So many faults are one round. */
export const faultsARound: number = faults.length

/** Round after round, with `every` payments between two faults, until the payments are over. */
export async function trouble(victims: Victims, every: number): Promise<void> {
  const { isOver, pace, random, tally } = victims
  while (!isOver()) {
    for (const fault of shuffled(random, faults)) {
      const from = tally.settled + every
      pace.allow(every)
      // Half of them: the others may still wait for the lease of a process that was killed.
      await waitFor(() => isOver() || tally.settled >= from - every / 2, { timeoutMs: 60_000 })
      if (isOver()) return
      pace.open()
      await fault(victims)
    }
  }
}

async function processKilled(victims: Victims, point: string): Promise<void> {
  const { fleet, isOver, pace, random, tally } = victims
  const replace = await fleet.killAt(point, random, isOver)
  if (replace === undefined) return
  tally.fault(`process killed at ${point}`)
  pace.allow(between(random, 0, 30))
  await replace()
}

async function redisKilled(victims: Victims): Promise<void> {
  const { pace, random, redis, tally } = victims
  await redis.kill()
  await afterAnswers(victims, 30)
  tally.fault('Redis killed')
  pace.allow(between(random, 0, 30))
  await redis.start()
}

async function redisFlushed({ redis, tally }: Victims): Promise<void> {
  await redis.flush()
  tally.fault('Redis flushed')
}

/** The replica misses what is written in the meantime, and then it is all there is. */
async function redisFailedOver(victims: Victims): Promise<void> {
  const { pace, random, redis, tally } = victims
  await redis.detach()
  await afterAnswers(victims, 60)
  tally.fault('Redis failed over')
  pace.allow(between(random, 0, 30))
  await redis.failOver()
}

async function afterAnswers({ isOver, random, tally }: Victims, max: number): Promise<void> {
  const until = tally.answersTotal + between(random, 1, max)
  await waitFor(() => isOver() || tally.answersTotal >= until, { timeoutMs: 60_000 })
}
