import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import type { Executor, RunResult } from '../../../src/index.ts'
import { isRead, type WriteRequest } from '../model/requests.ts'
import { armStrike } from '../server-faults.ts'
import { difference, short } from './compare.ts'
import type { Unit, UnitFault } from './operations.ts'
import { isAfterwards } from './faults.ts'
import { accountsOf } from './resolve.ts'
import { backendGone, learnTruth } from './truth.ts'
import type { Connection } from './stage.ts'
import { Disagreement, type World } from './world.ts'

/** Thrown by a callback that wants its transaction rolled back. */
class Undone extends Error {}

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
  const requests = unit.lock ? all : isUnordered ? aside(world, all) : oneShared(world, all)
  if (unit.by === 'run') await playRun(world, unit, requests)
  else await playTransaction(world, unit, requests)
  return requests.length
}

/**
 * Worlds meet on shared accounts, and a transaction that locks two of them in the order in which it
 * happens to need them can deadlock with its neighbour: so it uses one, and leaves the rest out.
 */
function oneShared(world: World, requests: readonly WriteRequest[]): WriteRequest[] {
  let only: string | undefined
  return requests.filter((request) => {
    const shared = sharedOf(world, request)
    if (shared.length === 0) return true
    // Of a sharded account, each id has another lock.
    const isOnly = shared.length === 1 && (only === undefined || only === shared[0])
    if (!isOnly || (only === 'pool' && shared[0] === 'pool')) return false
    only = shared[0]
    return true
  })
}

/** The same, on accounts where deadlocks disturb nobody who has not asked for them. */
function aside(world: World, requests: readonly WriteRequest[]): WriteRequest[] {
  const other: Readonly<Record<string, string>> = { bank: 'x', fees: 'y', till: 'y', pool: 'x' }
  return requests
    .map((request) =>
      request.verb === 'transfer'
        ? {
            ...request,
            debit: other[request.debit] ?? request.debit,
            credit: other[request.credit] ?? request.credit,
          }
        : request,
    )
    .filter((request) => sharedOf(world, request).every((name) => name === 'x' || name === 'y'))
}

const sharedOf = ({ model }: World, request: WriteRequest): string[] =>
  [...accountsOf(model, [request])].filter((name) => model.state.accounts.get(name)?.shared)

/** The requests, one after the other; the fault comes before one of them, or at the end. */
async function askAll(
  world: World,
  trx: Executor,
  unit: Unit,
  requests: readonly WriteRequest[],
  fault: UnitFault | null,
): Promise<void> {
  const strikeAt = async (n: number, statement: RegExp) => {
    if (fault === null || n !== Math.min(fault.step, requests.length)) return
    await strikeNow(world, trx, fault, statement)
  }
  if (unit.lock) await lockAll(world, trx, requests)
  for (const [n, request] of requests.entries()) {
    await strikeAt(n, /^select ledger\./)
    await world.askAndCompare(request, trx)
  }
  await strikeAt(requests.length, /^(commit|rollback)/)
  if (!unit.commit) throw new Undone()
}

async function lockAll(
  world: World,
  trx: Executor,
  requests: readonly WriteRequest[],
): Promise<void> {
  const names = [...accountsOf(world.model, requests)]
  const { notFound } = await world.stage.ledger.lock(
    trx,
    names.map((name) => world.names.idOf(name)),
  )
  const missing = names.filter((name) => !world.model.state.accounts.has(name))
  const found = notFound.map((id) => world.names.nameOf(id) ?? id)
  if (difference(missing.toSorted(), found.toSorted()) !== null) {
    throw new Disagreement(`lock: the model misses ${short(missing)}, the ledger ${short(found)}`)
  }
}

async function strikeNow(
  world: World,
  trx: Executor,
  { fault }: UnitFault,
  statement: RegExp,
): Promise<void> {
  if (fault.kind === 'cut') return world.lane.proxy.arm({ ...fault, statement })
  if (fault.kind === 'strike') return armStrike(trx, fault.strike, fault.at, true)
  // The connection of a transaction that has begun: whatever it did is gone.
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where pid = any (${world.lane.proxy.backendPids}::int[])`.execute(world.stage.side)
}

async function playTransaction(
  world: World,
  unit: Unit,
  requests: readonly WriteRequest[],
): Promise<void> {
  const before = world.model
  for (let fault = unit.fault; ; fault = null) {
    world.model = before.copy()
    const error = await thrownBy(() =>
      connectionFor(world, fault)
        .db.transaction()
        .execute((trx) => askAll(world, trx, unit, requests, fault)),
    )
    world.lane.proxy.disarm()
    if (error === null) return
    if (error instanceof Undone) {
      world.model = before
      return
    }
    if (error instanceof Disagreement || fault === null) throw error
    world.stage.tally.fault(`in a transaction: ${nameOf(fault, requests)}`)
    const isCommitted = await isCommittedAfter(world, unit, requests, fault, before)
    await connectionRead(world, fault)
    // The truth; then all of it again, each request with the id it had.
    if (isCommitted) return playTransaction(world, { ...unit, fault: null }, requests)
  }
}

async function thrownBy(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act()
    return null
  } catch (error) {
    return error
  }
}

/** Sets the model to the truth, after a transaction that failed with this fault. */
async function isCommittedAfter(
  world: World,
  unit: Unit,
  requests: readonly WriteRequest[],
  { fault, step }: UnitFault,
  before: World['model'],
): Promise<boolean> {
  const after = world.model // as the requests left it, had they been committed
  world.model = before
  if (fault.kind !== 'cut' || step < requests.length || !unit.commit) return false
  if (isAfterwards(fault.at)) {
    world.model = after
    return true
  }
  if (fault.at !== 'in_flight') return false
  await backendGone(world, world.lane.proxy.cutBackendPid)
  return (await learnTruth(world, requests, after)) === 'applied'
}

/** The driver has noticed that its connection is gone. */
async function connectionRead(world: World, { fault }: UnitFault): Promise<void> {
  const isLost = fault.kind !== 'strike' || fault.strike === 'kill'
  const { pool } = connectionFor(world, { fault, step: 0 })
  if (isLost) await waitFor(() => pool.totalCount === 0, { intervalMs: 1 })
}

const connectionFor = ({ lane }: World, fault: UnitFault | null): Connection =>
  fault === null || fault.fault.kind === 'strike' ? lane : lane.wired

function nameOf({ fault, step }: UnitFault, requests: readonly WriteRequest[]): string {
  if (fault.kind === 'strike') return fault.strike
  const isAtCommit = fault.kind === 'cut' && step >= requests.length
  return isAtCommit ? `COMMIT cut ${fault.at}` : fault.kind
}

const RUNS_MAX = 50

/** `run` says itself what became of it, and tries again what may be tried again. */
async function playRun(world: World, unit: Unit, requests: readonly WriteRequest[]): Promise<void> {
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
    await waitFor(() => sql`select 1`.execute(world.lane.db), { intervalMs: 1 })
    await waitFor(() => sql`select 1`.execute(world.lane.wired.db), { intervalMs: 1 })
    return false
  }
  if (end.outcome !== 'unknown') {
    throw new Disagreement(`run: ${short(end)} for ${short(requests)} with ${short(fault)}`)
  }
  const { xid } = end
  const { state } = await waitFor(async () => {
    const found = await world.stage.ledger.resolve(world.stage.side, { xid })
    return found.state === 'in_progress' ? undefined : found
  })
  if (state === 'committed') world.model = after
  return state === 'committed'
}
