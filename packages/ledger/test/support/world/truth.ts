import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import type { Model } from '../model/model.ts'
import { idsOf, type ReadRequest, type WriteRequest } from '../model/requests.ts'
import { difference, inModelWords } from './compare.ts'
import type { World } from './world.ts'

/** Nobody is at work for a cut connection any more: what it did is done, or never will be. */
export async function backendGone(world: World, pid: number | null): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await sql`select from pg_stat_activity
        where pid = ${pid}::int`.execute(world.stage.side)
      return rows.length === 0
    },
    { intervalMs: 2, timeoutMs: 60_000, message: 'the end of a cut connection' },
  )
}

/**
 * Finds out what became of requests that nobody knows the end of: takes the model to be as it was
 * before, or as it would be after, whichever the ledger shows. It must be one of them.
 */
export async function learnTruth(
  world: World,
  requests: readonly WriteRequest[],
  after: Model,
): Promise<'applied' | 'not_applied'> {
  const looks = looksAt(world, requests, after)
  const wasNot = await firstDifference(world, looks, world.model)
  if (wasNot === null) return 'not_applied'
  const was = await firstDifference(world, looks, after)
  if (was !== null) {
    const found = `half applied: ${wasNot} as before; ${was} as after`
    throw world.disagreement(requests[0] as WriteRequest, found)
  }
  world.model = after
  return 'applied'
}

/** Everything that the requests may have changed. */
function looksAt(world: World, requests: readonly WriteRequest[], after: Model): ReadRequest[] {
  const ids = new Set(requests.flatMap((request) => idsOf(request)))
  const accounts = [world.model, after].flatMap(({ state }) => [...state.accounts.values()])
  const own = new Set(accounts.filter(({ shared }) => !shared).map(({ name }) => name))
  return [
    ...[...ids].map((id) => ({ verb: 'lookup', id }) as const),
    ...[...own].map((account) => ({ verb: 'account', account }) as const),
    ...[...own].map((account) => ({ verb: 'balance', account }) as const),
  ]
}

async function firstDifference(
  world: World,
  looks: readonly ReadRequest[],
  model: Model,
): Promise<string | null> {
  for (const look of looks) {
    const said = await world.ask(look, world.stage.side)
    const found = difference(model.read(look), inModelWords(said, world.names, model, look))
    if (found !== null) return found
  }
  return null
}
