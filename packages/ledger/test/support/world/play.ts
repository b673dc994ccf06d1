import { waitFor } from '@payflow/testkit'
import { isRead } from '../model/requests.ts'
import { disarmStrike } from '../server-faults.ts'
import type { Operation } from './operations.ts'
import { playFault } from './faults.ts'
import type { Lane, Stage } from './stage.ts'
import { playUnit } from './unit.ts'
import { World } from './world.ts'

/**
 * Plays a sequence in a world of its own.
 *
 * @throws Disagreement where the ledger and the model differ
 */
export async function playWorld(
  stage: Stage,
  lane: Lane,
  operations: readonly Operation[],
): Promise<void> {
  const world = new World(stage, lane)
  // What a sequence that failed has left behind.
  lane.proxy.disarm()
  await waitFor(() => disarmStrike(lane.db).then(() => true), { timeoutMs: 60_000 })
  await world.open()
  for (const operation of operations) {
    const requests = await play(world, operation)
    stage.tally.operations += requests
  }
  await world.expectAgreement()
}

/** Answers how many requests that was. */
async function play(world: World, operation: Operation): Promise<number> {
  if (operation.kind === 'unit') return playUnit(world, operation)
  const request = world.resolve(operation.drawn)
  if (isRead(request)) {
    world.expectSame(world.model.read(request), await world.ask(request), request)
  } else if (operation.fault !== null) {
    await playFault(world, request, operation.fault)
  } else {
    await world.askAndCompare(request)
  }
  return 'items' in request ? request.items.length : 1
}
