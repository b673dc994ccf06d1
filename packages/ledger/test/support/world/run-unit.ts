import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import type { RunResult } from '../../../src/index.ts'
import type { WriteRequest } from '../model/requests.ts'
import { short } from './compare.ts'
import type { Unit, UnitFault } from './operations.ts'
import { askAll, connectionFor, nameOf, thrownBy, Undone } from './transaction.ts'
import { Disagreement, type World } from './world.ts'

const RUNS_MAX = 50

/** `run` says itself what became of it, and tries again what may be tried again. */
export async function playRun(
  world: World,
  unit: Unit,
  requests: readonly WriteRequest[],
): Promise<void> {
  const { lane, stage } = world
  const before = world.model
  let { fault } = unit
  for (let run = 0; run < RUNS_MAX; run += 1) {
    const { db } = connectionFor(world, fault)
    let result: RunResult<void> | null = null
    let attempts = 0
    const error = await thrownBy(async () => {
      result = await stage.ledger.run(
        db,
        (trx) => {
          attempts += 1
          world.model = before.copy()
          return askAll(world, trx, unit, requests, attempts === 1 ? fault : null)
        },
        { attempts: 20, ...(unit.isolation === null ? {} : { isolation: unit.isolation }) },
      )
    })
    const hasCut = fault?.fault.kind === 'cut' && !lane.proxy.disarm()
    if (error !== null && !(error instanceof Undone)) throw error
    if (error !== null || attempts === 0) world.model = before
    if (error !== null) return
    const end = result as unknown as RunResult<void>
    if (fault !== null && (hasCut || attempts > 1 || end.outcome !== 'committed')) {
      stage.tally.fault(`in run: ${nameOf(fault, requests)}`)
    } else if (attempts > 1) {
      stage.tally.fault('in run: a collision with a neighbour')
    }
    if (await isRunOver(world, unit, requests, fault, end, before)) return
    fault = null
  }
  throw new Disagreement(`run came to no end in ${RUNS_MAX} times`)
}

/** Is it committed? If not, the model is as it was before. */
async function isRunOver(
  world: World,
  unit: Unit,
  requests: readonly WriteRequest[],
  fault: UnitFault | null,
  end: RunResult<void>,
  before: World['model'],
): Promise<boolean> {
  if (end.outcome === 'committed') return true
  const after = world.model
  world.model = before
  const isAtCommit = fault?.fault.kind === 'cut' && fault.step >= requests.length
  const mayBeBusy = (fault !== null && !isAtCommit) || unit.isolation !== null || !unit.lock
  if (end.outcome === 'busy' && mayBeBusy) {
    // A connection that was lost may be lost again to the next call, before the driver notices.
    await waitFor(() => sql`select 1`.execute(world.lane.db), { intervalMs: 1, timeoutMs: 60_000 })
    await waitFor(() => sql`select 1`.execute(world.lane.wired.db), {
      intervalMs: 1,
      timeoutMs: 60_000,
    })
    return false
  }
  if (end.outcome !== 'unknown') {
    throw new Disagreement(`run: ${short(end)} for ${short(requests)} with ${short(fault)}`)
  }
  const { xid } = end
  const { state } = await waitFor(
    async () => {
      const found = await world.stage.ledger.resolve(world.stage.side, { xid })
      return found.state === 'in_progress' ? undefined : found
    },
    { timeoutMs: 60_000 },
  )
  if (state === 'committed') world.model = after
  return state === 'committed'
}
