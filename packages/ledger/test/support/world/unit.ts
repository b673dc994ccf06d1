import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import type { Executor } from '../../../src/index.ts'
import type { Model } from '../model/model.ts'
import { isRead, type WriteRequest } from '../model/requests.ts'
import { armStrike } from '../server-faults.ts'
import type { Operation, UnitFault } from './draw.ts'
import { isAfterwards } from './faults.ts'
import { backendGone, learnTruth } from './truth.ts'
import type { World } from './world.ts'

type Unit = Operation & { kind: 'unit' }

/**
 * Several requests in one transaction of the caller's, which commits or does not. When it fails, the
 * truth is what the fault says it must be, and the whole transaction is tried again.
 */
export async function playUnit(world: World, unit: Unit): Promise<void> {
  const asked = unit.drawn.map((drawn) => world.resolve(drawn))
  const requests = oneSharedAccount(
    world,
    asked.filter((request) => !isRead(request)),
  )
  if (unit.fault === null) return playWhole(world, requests, unit.commit)
  const before = world.model
  const failed = await playFailing(world, requests, unit)
  if (!failed) return
  const { proxy } = world.lane
  const after = world.model // as the requests left it, had they been committed
  world.model = before
  const { fault, step } = unit.fault
  if (fault.kind === 'cut' && step >= requests.length && unit.commit) {
    if (isAfterwards(fault.at)) world.model = after
    else if (fault.at === 'in_flight') {
      await backendGone(world, proxy.cutBackendPid)
      await learnTruth(world, requests, after)
    }
  }
  const isLost = fault.kind !== 'strike' || fault.strike === 'kill'
  if (isLost) await waitFor(() => world.lane.pool.totalCount === 0, { intervalMs: 1 })
  await playWhole(world, requests, unit.commit)
}

/**
 * Worlds meet on shared accounts, and a transaction that locks two of them in the order in which it
 * happens to need them can deadlock with its neighbour: so it uses one.
 */
function oneSharedAccount(world: World, requests: readonly WriteRequest[]): WriteRequest[] {
  const { accounts, holds } = world.model.state
  const isShared = (name: string) => accounts.get(name)?.shared === true
  let only: string | null = null
  return requests.flatMap((request): WriteRequest[] => {
    if ('hold' in request) {
      const hold = holds.get(request.hold)
      const used: string[] = hold === undefined ? [] : [hold.debit, hold.credit].filter(isShared)
      only ??= used[0] ?? null
      return used.every((name) => name === only) ? [request] : []
    }
    if (!('debit' in request)) return [request]
    const sides = { debit: request.debit, credit: request.credit }
    for (const side of ['debit', 'credit'] as const) {
      if (!isShared(sides[side])) continue
      only ??= sides[side]
      sides[side] = only
    }
    return [{ ...request, ...sides }]
  })
}

class Undone extends Error {}

async function playWhole(
  world: World,
  requests: readonly WriteRequest[],
  commit: boolean,
): Promise<void> {
  const before = world.model
  world.model = before.copy()
  try {
    await world.lane.db.transaction().execute(async (trx) => {
      for (const request of requests) await world.askAndCompare(request, trx)
      if (!commit) throw new Undone()
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
    world.model = before
  }
}

/** Plays it with the fault. True: it failed; the model is then as if it had been committed. */
async function playFailing(
  world: World,
  requests: readonly WriteRequest[],
  unit: Unit & { fault: UnitFault | null },
): Promise<boolean> {
  const { fault, step } = unit.fault as UnitFault
  const { lane, stage } = world
  const before: Model = world.model
  world.model = before.copy()
  const isAt = (n: number) => n === Math.min(step, requests.length)
  let disagreement: unknown = null
  try {
    await lane.db.transaction().execute(async (trx) => {
      for (const [n, request] of requests.entries()) {
        if (isAt(n)) await strikeNow(world, trx, fault, /^select ledger\./)
        try {
          await world.askAndCompare(request, trx)
        } catch (error) {
          if ((error as Error).name === 'Disagreement') disagreement = error
          throw error
        }
      }
      if (isAt(requests.length)) await strikeNow(world, trx, fault, /^(commit|rollback)/)
      if (!unit.commit) throw new Undone()
    })
  } catch (error) {
    if (disagreement !== null) throw disagreement
    lane.proxy.disarm()
    if (error instanceof Undone) {
      world.model = before
      return false
    }
    stage.tally.fault(`in a transaction: ${fault.kind === 'strike' ? fault.strike : fault.kind}`)
    return true
  }
  lane.proxy.disarm()
  return false
}

async function strikeNow(
  world: World,
  trx: Executor,
  fault: UnitFault['fault'],
  statement: RegExp,
): Promise<void> {
  if (fault.kind === 'cut') return world.lane.proxy.arm({ ...fault, statement })
  if (fault.kind === 'strike') return armStrike(trx, fault.strike, fault.at, true)
  // The connection of a transaction that has begun: whatever it did is gone.
  const pids = world.lane.proxy.backendPids
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where pid = any (${pids}::int[])`.execute(world.stage.side)
}
