import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { type Executor, LedgerError } from '../../../src/index.ts'
import type { WriteRequest } from '../model/requests.ts'
import { armStrike } from '../server-faults.ts'
import { difference, short } from './compare.ts'
import type { Unit, UnitFault } from './operations.ts'
import { isAfterwards } from './faults.ts'
import { accountsOf } from './resolve.ts'
import { backendGone, learnTruth } from './truth.ts'
import type { Connection } from './stage.ts'
import { Disagreement, type World } from './world.ts'

/** Thrown by a callback that wants its transaction rolled back. */
export class Undone extends Error {}

/**
 * A transaction that locks accounts in the order in which it happens to need them can deadlock with
 * whoever wants them too. Without `lock`, it stays with accounts of its own.
 */
export const ownOnly = (world: World, requests: readonly WriteRequest[]): WriteRequest[] =>
  requests.filter((request) => sharedOf(world, request).length === 0)

/** Or it uses those that are kept for such, where deadlocks disturb nobody else. */
export function aside(world: World, requests: readonly WriteRequest[]): WriteRequest[] {
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
export async function askAll(
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

export async function playTransaction(
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
    if (!unit.lock && isDeadlock(error)) {
      world.model = before
      world.stage.tally.fault('in a transaction: a deadlock with the housekeeping')
      continue
    }
    if (error instanceof Disagreement || fault === null) throw error
    world.stage.tally.fault(`in a transaction: ${nameOf(fault, requests)}`)
    const isCommitted = await isCommittedAfter(world, unit, requests, fault, before)
    await connectionRead(world, fault)
    // The truth; then all of it again, each request with the id it had.
    if (isCommitted) return playTransaction(world, { ...unit, fault: null }, requests)
  }
}

const isDeadlock = (error: unknown): boolean =>
  LedgerError.is(error) && /deadlock detected/.test(error.message)

export async function thrownBy(act: () => Promise<unknown>): Promise<unknown> {
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
  if (isLost) await waitFor(() => pool.totalCount === 0, { intervalMs: 1, timeoutMs: 60_000 })
}

export const connectionFor = ({ lane }: World, fault: UnitFault | null): Connection =>
  fault === null || fault.fault.kind === 'strike' ? lane : lane.wired

export function nameOf({ fault, step }: UnitFault, requests: readonly WriteRequest[]): string {
  if (fault.kind === 'strike') return fault.strike
  const isAtCommit = fault.kind === 'cut' && step >= requests.length
  return isAtCommit ? `COMMIT cut ${fault.at}` : fault.kind
}
