import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { isRead, type WriteRequest } from '../model/requests.ts'
import type { Operation } from './operations.ts'
import type { Lane, Stage } from './stage.ts'
import { learnTruth } from './truth.ts'
import { BEGINNING, World } from './world.ts'

const RESTART_MS = 120_000

/**
 * Plays a sequence while the server is killed and started again at any moment. Whatever a request
 * met, the truth is looked up once the server answers, and it must be one of two: as before the
 * request, or as after it. What was acknowledged must still be there at the end.
 */
export async function playThroughCrashes(
  stage: Stage,
  lane: Lane,
  operations: readonly Operation[],
): Promise<void> {
  const world = new World(stage, lane)
  for (const request of BEGINNING) await ask(world, request)
  for (const operation of operations) {
    const drawn = operation.kind === 'one' ? [operation.drawn] : operation.drawn
    for (const each of drawn) {
      const request = world.resolve(each)
      if (isRead(request)) continue
      await ask(world, 'items' in request ? { ...request, chunk: null } : request)
      stage.tally.operations += 1
    }
  }
  await throughCrashes(stage, () => world.expectAgreement())
}

async function ask(world: World, request: WriteRequest): Promise<void> {
  for (;;) {
    const after = world.model.copy()
    const expected = after.apply(request)
    const said = await world.ask(request).catch(() => null)
    const outcome = (said as { outcome?: string } | null)?.outcome
    if (outcome !== undefined && outcome !== 'busy' && outcome !== 'unknown') {
      world.model = after
      world.stage.tally.outcome(expected)
      world.expectSame(expected, said, request)
      await throughCrashes(world.stage, () => world.waitForExpiry(request, world.stage.side))
      return
    }
    world.stage.tally.fault(`the server died: ${outcome ?? 'thrown'}`)
    const before = world.model
    await throughCrashes(world.stage, () => {
      world.model = before
      return learnTruth(world, [request], after)
    })
    await throughCrashes(world.stage, () => world.waitForExpiry(request, world.stage.side))
  }
}

/** Does something that changes nothing as often as it takes for the server to live through it. */
async function throughCrashes(stage: Stage, act: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await waitFor(() => sql`select 1`.execute(stage.side), { timeoutMs: RESTART_MS })
    try {
      await act()
      return
    } catch (error) {
      if ((error as Error).name === 'Disagreement') throw error
      stage.tally.fault('the server died: a read')
    }
  }
}
