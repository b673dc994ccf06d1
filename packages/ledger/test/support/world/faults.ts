import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import type { Executor } from '../../../src/index.ts'
import type { ModelAccount } from '../model/state.ts'
import type { Model } from '../model/model.ts'
import type { Answer } from '../model/refusal.ts'
import { idsOf, type WriteRequest } from '../model/requests.ts'
import { armStrike, disarmStrike } from '../server-faults.ts'
import { short } from './compare.ts'
import type { Fault } from './operations.ts'
import { backendGone, learnTruth } from './truth.ts'
import type { World } from './world.ts'

/** The cuts after which PostgreSQL has done what it was asked. */
export const isAfterwards = (at: string): boolean =>
  at === 'before_answer' || at === 'mid_answer' || at === 'before_ready'

const CAUSE: Readonly<Record<string, string>> = {
  '40001': 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock_timeout',
  '57014': 'statement_timeout',
  cancel: 'statement_timeout',
  lock_timeout: 'lock_timeout',
  statement_timeout: 'statement_timeout',
}

/** Asks while something goes wrong, and then again until the answer is the model's. */
export async function playFault(world: World, drawn: WriteRequest, fault: Fault): Promise<void> {
  // Whole or not at all, which several statements are not.
  const request = 'items' in drawn ? { ...drawn, chunk: null } : drawn
  switch (fault.kind) {
    case 'twin':
      return playTwin(world, request)
    case 'cut':
      return playCut(world, request, fault)
    case 'strike':
      return playStrike(world, request, fault)
    case 'locked':
      return playLocked(world, request, fault)
    case 'drop':
      return playDrop(world, request, fault)
  }
}

/** The same request from two connections at once: one does it, the other is told that it is done. */
async function playTwin(world: World, request: WriteRequest): Promise<void> {
  const isTimed = request.verb === 'hold' && request.expires === 'soon'
  if (isTimed) return world.askAndCompare(request)
  const first = world.model.apply(request)
  const second = world.model.apply(request)
  const said = await Promise.all([world.ask(request), world.ask(request, world.stage.side)])
  const isSame = (i: number, j: number) =>
    world.isSame(first, said[i], request) && world.isSame(second, said[j], request)
  if (!isSame(0, 1) && !isSame(1, 0)) {
    const expected = `one ${short(first)} and one ${short(second)}`
    throw world.disagreement(
      request,
      `twins: the model expects ${expected}, they got ${short(said)}`,
    )
  }
  world.stage.tally.outcome(first)
  world.stage.tally.fault('sent twice at once')
}

async function playCut(
  world: World,
  request: WriteRequest,
  fault: Fault & { kind: 'cut' },
): Promise<void> {
  const { proxy, wired } = world.lane
  const once = world.model.copy()
  const expected = once.apply(request)
  proxy.arm({ at: fault.at, reset: fault.reset, statement: /^select ledger\./ })
  const said = await world.ask(request, wired.db)
  if (proxy.disarm()) {
    // It never came to a statement: the request was refused for its shape.
    world.model = once
    return world.expectSame(expected, said, request)
  }
  world.stage.tally.fault(`cut ${fault.at}`)
  expectOutcome(world, request, said, 'unknown')
  if (isAfterwards(fault.at)) {
    if (!world.stage.unknownIsFailed) world.model = once
    await world.waitForExpiry(request, world.stage.side)
  } else if (fault.at === 'in_flight') {
    await backendGone(world, proxy.cutBackendPid)
    const truth = await learnTruth(world, [request], once)
    if (truth === 'applied') await world.waitForExpiry(request, world.stage.side)
  }
  await expectResolved(world, request)
  // The same call again tells which.
  await world.askAndCompare(request)
}

/** `resolve` says what became of the id, as the model has it by now. */
async function expectResolved(world: World, request: WriteRequest): Promise<void> {
  const [id] = idsOf(request)
  if (id === undefined) return
  const look = { verb: 'resolve', id } as const
  world.expectSame(world.model.read(look), await world.ask(look, world.stage.side), look)
}

/** An error of PostgreSQL's own under one of the writes. If there was no such write, no error. */
async function playStrike(
  world: World,
  request: WriteRequest,
  fault: Fault & { kind: 'strike' },
): Promise<void> {
  const { lane } = world
  const once = world.model.copy()
  const expected = once.apply(request)
  await armStrike(lane.db, fault.strike, fault.at)
  const said = await world.ask(request)
  if (fault.strike === 'kill' && outcomeOf(said) === 'unknown') {
    world.stage.tally.fault('backend killed under the statement')
    await waitFor(() => lane.pool.totalCount === 0, { intervalMs: 1, timeoutMs: 60_000 })
    await expectResolved(world, request)
    return world.askAndCompare(request)
  }
  await disarmStrike(lane.db)
  if (fault.strike !== 'kill' && outcomeOf(said) === 'busy') {
    const cause = CAUSE[fault.strike] as string
    expectCause(world, request, said, cause)
    world.stage.tally.fault(`${fault.strike} ${fault.at === 'commit' ? 'at COMMIT' : 'raised'}`)
    return world.askAndCompare(request)
  }
  await settledUntouched(world, request, once, expected, said, fault.at === 'any')
}

/** The fault found nothing to strike: the answer is the usual one. */
async function settledUntouched(
  world: World,
  request: WriteRequest,
  once: Model,
  expected: Answer,
  said: unknown,
  strikesAll: boolean,
): Promise<void> {
  if (strikesAll && writes(expected)) {
    throw world.disagreement(request, `written in spite of an error: ${short(said)}`)
  }
  world.model = once
  world.stage.tally.outcome(expected)
  world.expectSame(expected, said, request)
  await world.waitForExpiry(request, world.lane.db)
}

/** Somebody else holds the lock that the request needs, and it cannot wait for ever. */
async function playLocked(
  world: World,
  request: WriteRequest,
  fault: Fault & { kind: 'locked' },
): Promise<void> {
  const { stage } = world
  const { wired } = world.lane
  const account = ownAccountOf(world, request)
  if (account === null) return world.askAndCompare(request)
  const once = world.model.copy()
  const expected = once.apply(request)
  const said = await stage.side.transaction().execute(async (other) => {
    await sql`select from ledger.account where id = ${world.names.idOf(account)}::uuid
      for no key update`.execute(other)
    const asked = () => world.ask(request, wired.db)
    return fault.ends === 'kill'
      ? killedWaiting(world, asked())
      : withTimeout(wired.db, fault.ends, asked)
  })
  if (fault.ends === 'kill' && outcomeOf(said) === 'unknown') {
    await waitFor(() => wired.pool.totalCount === 0, { intervalMs: 1, timeoutMs: 60_000 })
  } else if (fault.ends !== 'kill' && outcomeOf(said) === 'busy') {
    expectCause(world, request, said, CAUSE[fault.ends] as string)
  } else {
    return settledUntouched(world, request, once, expected, said, true)
  }
  stage.tally.fault(
    fault.ends === 'kill' ? 'backend killed waiting for a lock' : `${fault.ends} at a held lock`,
  )
  await world.askAndCompare(request)
}

async function withTimeout<T>(
  db: Executor,
  name: 'lock_timeout' | 'statement_timeout',
  act: () => Promise<T>,
): Promise<T> {
  const set = (value: string) => sql`select set_config(${name}, ${value}, false)`.execute(db)
  await set('15ms')
  const result = await act()
  // On a busy machine this statement can run into the time-out that it takes back.
  await waitFor(() => set('0'), { intervalMs: 1, timeoutMs: 60_000 })
  return result
}

/** Ends the backend of the client once it waits for a lock; a request that needs none is let go. */
async function killedWaiting({ lane, stage }: World, asked: Promise<unknown>): Promise<unknown> {
  let isAnswered = false
  const answered = asked.finally(() => {
    isAnswered = true
  })
  await waitFor(
    async () => {
      const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where pid = any (${lane.proxy.backendPids}::int[])
          and wait_event_type = 'Lock'`.execute(stage.side)
      return rows.length > 0 || isAnswered
    },
    { intervalMs: 2, timeoutMs: 60_000, message: 'the wait for a lock' },
  )
  return answered
}

/** An exact account of the request that is this world's: nobody else waits for its lock. */
function ownAccountOf({ model }: World, request: WriteRequest): string | null {
  const { accounts, holds } = model.state
  const sides = 'hold' in request ? holds.get(request.hold) : 'debit' in request ? request : null
  if (sides === null || sides === undefined || sides.debit === sides.credit) return null
  if (!accounts.has(sides.debit) || !accounts.has(sides.credit)) return null
  const isOwn = (account?: ModelAccount) => account?.shared === false && account.shards === 0
  return [sides.debit, sides.credit].find((name) => isOwn(accounts.get(name))) ?? null
}

async function playDrop(
  world: World,
  request: WriteRequest,
  fault: Fault & { kind: 'drop' },
): Promise<void> {
  const { proxy, wired } = world.lane
  await sql`select 1`.execute(wired.db)
  proxy.dropAll(fault.reset)
  const said = await world.ask(request, wired.db)
  world.stage.tally.fault('connection lost while idle')
  // The driver noticed in time and took another one, or it did not and the statement went nowhere.
  if (outcomeOf(said) === 'unknown') return world.askAndCompare(request)
  const expected = world.model.apply(request)
  world.expectSame(expected, said, request)
  // A request refused for its shape never met the connection.
  await waitFor(() => sql`select 1`.execute(wired.db), { intervalMs: 1, timeoutMs: 60_000 })
  await world.waitForExpiry(request, world.lane.db)
}

/** Does the answer say that something was written just now? */
const writes = (answer: Answer): boolean =>
  answer.outcome === 'created' ||
  ((answer['results'] ?? []) as Answer[]).some((each) => writes(each))

const outcomeOf = (said: unknown): unknown => (said as { outcome?: unknown } | null)?.outcome

function expectOutcome(world: World, request: WriteRequest, said: unknown, outcome: string): void {
  if (outcomeOf(said) !== outcome) {
    throw world.disagreement(request, `after a fault: expected ${outcome}, got ${short(said)}`)
  }
}

function expectCause(world: World, request: WriteRequest, said: unknown, cause: string): void {
  const { cause: found } = said as { cause?: unknown }
  if (found !== cause) {
    throw world.disagreement(request, `after a fault: expected busy: ${cause}, got ${short(said)}`)
  }
}
