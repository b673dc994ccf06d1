import { isRead, type WriteRequest } from '../model/requests.ts'
import type { Unit } from './operations.ts'
import { playRun } from './run-unit.ts'
import { aside, ownOnly, playTransaction } from './transaction.ts'
import type { World } from './world.ts'

/**
 * Several requests in one transaction, which commits or does not. When it fails, the truth is what
 * the fault says it must be, and the whole of it is tried again.
 *
 * @returns how many requests there were
 */
export async function playUnit(world: World, unit: Unit): Promise<number> {
  const isUnordered = unit.by === 'run' && !unit.lock
  const asked = unit.drawn.map((drawn) => world.resolve(drawn, isUnordered))
  const all = asked
    .filter((request): request is WriteRequest => !isRead(request))
    // A batcher owns its transactions.
    .map((request) =>
      request.verb === 'batched' ? { ...request, verb: 'many' as const } : request,
    )
  const requests = unit.lock ? all : isUnordered ? aside(world, all) : ownOnly(world, all)
  if (unit.by === 'run') await playRun(world, unit, requests)
  else await playTransaction(world, unit, requests)
  return requests.length
}
