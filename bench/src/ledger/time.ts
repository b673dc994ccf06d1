import { preparedStatements } from '@payflow/ledger'
import type { Server } from '@payflow/testkit'
import type { Context } from '../lib/context.ts'
import { serverCpuSeconds } from '../lib/cpu.ts'
import { availableParallelism } from 'node:os'
import { type Case, load } from '../lib/load.ts'
import { profiled } from '../lib/profile.ts'
import type { Row, Section } from '../lib/result.ts'
import { faultsOf, inRounds, of, ratioRow, rateRow, type Series } from '../lib/rounds.ts'
import { quantile, spread } from '../lib/stats.ts'
import { waitsDuring } from '../lib/waits.ts'
import { bareTransfer } from './bare.ts'
import { singleCalls } from './cases.ts'
import { openInside } from './inside.ts'
import { toHot, uniform } from './moves.ts'
import { addHotAccount, kyselyOf, openOurs, type OurWorld } from './ours.ts'
import { accountsFor, type Part } from './part.ts'

const CALLERS = 16
const FLUSHED = 'ledger.transfer, one caller'
const UNFLUSHED = 'the same with synchronous_commit=off'
const ROUND_TRIP = 'select 1 by bare pg: a round trip'
const INSIDE = 'the function alone, inside PostgreSQL'
const UNIFORM = 'uniform, 16 callers'
const HOT = 'hot account, 16 callers'
const UNIFORM_OFF = 'uniform, synchronous_commit=off'
const HOT_OFF = 'hot account, synchronous_commit=off'

/** Where the time of a transfer goes, and what the limit is. */
export const time: Part = async (context, server) => {
  const accounts = accountsFor(context)
  const ours = await openOurs({ serverUrl: server.url, accounts })
  const hotly = toHot(accounts, await addHotAccount(ours, 'exact'))
  const flushed = kyselyOf(preparedStatements(ours.pool(CALLERS)))
  const unflushed = kyselyOf(preparedStatements(ours.pool(CALLERS, '-c synchronous_commit=off')))
  const world = ours
  const uniformly = { world, move: uniform(accounts) }
  const alone = await oneCaller(context, ours, flushed, unflushed)
  const cases = [
    singleCalls({ ...uniformly, name: UNIFORM }, flushed, CALLERS),
    singleCalls({ ...uniformly, name: UNIFORM_OFF }, unflushed, CALLERS),
    singleCalls({ name: HOT, world, move: hotly }, flushed, CALLERS),
    singleCalls({ name: HOT_OFF, world, move: hotly }, unflushed, CALLERS),
  ]
  const measured = await inRounds(context, 'flush', cases, roundsOf(context))
  const [uniformCase, , hotCase] = cases as [Case, Case, Case, Case]
  const busy = await processors(context, server, uniformCase)
  const sampled = await samples(context, ours, uniformCase, hotCase)
  await ours.close()
  const flush: Section = {
    title: 'flushing the log, for 16 callers',
    note: 'synchronous_commit=off is a contrast, not an option: it loses acknowledged transfers.',
    rows: [
      ...cases.map(({ name }) => rateRow(of(measured, name))),
      ratioRow('uniform, off ÷ on', of(measured, UNIFORM_OFF), of(measured, UNIFORM)),
      ratioRow('hot account, off ÷ on', of(measured, HOT_OFF), of(measured, HOT)),
    ],
  }
  return {
    sections: [alone.section, busy, flush, ...sampled],
    claims: [],
    faults: [...alone.faults, ...faultsOf(measured)],
  }
}

const roundsOf = (context: Context) =>
  context.quick ? { rounds: 1, sliceMs: 150 } : { rounds: 5, sliceMs: 1000 }

/** Nobody else asks for anything: what one call takes, and what it is made of. */
async function oneCaller(
  context: Context,
  ours: OurWorld,
  flushed: ReturnType<typeof kyselyOf>,
  unflushed: ReturnType<typeof kyselyOf>,
): Promise<{ section: Section; faults: readonly string[] }> {
  const pool = ours.pool(1)
  const move = uniform(ours.accountIds.length)
  const world = ours
  const cases: Case[] = [
    singleCalls({ name: FLUSHED, world, move }, flushed, 1),
    singleCalls({ name: UNFLUSHED, world, move }, unflushed, 1),
    {
      name: ROUND_TRIP,
      callers: 1,
      call: async () => (await pool.query({ name: 'one', text: 'select 1' })).rowCount ?? 0,
    },
  ]
  const measured = await inRounds(context, 'one caller', cases, roundsOf(context))
  const inside = await openInside(ours, await bareTransfer(ours.ledger, pool, ours.request(move())))
  const micros: number[] = []
  for (let round = 0; round < (context.quick ? 1 : 5); round++) {
    micros.push(await inside.micros(context.quick ? 200 : 2500))
  }
  return {
    section: {
      title: 'what one transfer takes, one caller',
      note: 'Median time of a call. What the flush takes is the difference of the first two; the function alone is processor time.',
      rows: [
        ...cases.map(({ name }) => medianCall(of(measured, name))),
        { case: INSIDE, unit: 'µs', ...spread(micros) },
      ],
    },
    faults: faultsOf(measured),
  }
}

const medianCall = (series: Series): Row => ({
  case: series.name,
  unit: 'µs',
  ...spread(
    series.slices.map(
      ({ callMs }) =>
        quantile(
          callMs.toSorted((a, b) => a - b),
          0.5,
        ) * 1000,
    ),
  ),
})

/** Processor time of each side for a transfer, and how busy all processors were. */
async function processors(context: Context, server: Server, work: Case): Promise<Section> {
  const js: number[] = []
  const postgres: number[] = []
  const busy: number[] = []
  for (let round = 0; round < (context.quick ? 1 : 5); round++) {
    const before = serverCpuSeconds(server.pid)
    const slice = await load(work, context.quick ? 200 : 1500)
    js.push((slice.jsCpuSeconds / slice.done) * 1e6)
    const after = serverCpuSeconds(server.pid)
    if (before === undefined || after === undefined) continue
    postgres.push(((after - before) / slice.done) * 1e6)
    const used = slice.jsCpuSeconds + after - before
    busy.push((100 * used) / slice.seconds / availableParallelism())
  }
  const row = (name: string, unit: string, values: readonly number[]): Row[] =>
    values.length === 0 ? [] : [{ case: name, unit, ...spread(values) }]
  return {
    title: 'processor time of a transfer, 16 callers',
    note: 'When the two sides together keep all processors busy, they are the limit: another machine for the callers, or fewer instructions, and nothing else makes it faster.',
    rows: [
      ...row('Node: the caller, ledger, Kysely, pg', 'µs', js),
      ...row('PostgreSQL: protocol, function, commit, background writers', 'µs', postgres),
      ...row('processors busy with the two', '%', busy),
    ],
  }
}

/** A profile of the callers, and what their backends waited for. */
async function samples(
  context: Context,
  ours: OurWorld,
  uniformCase: Case,
  hotCase: Case,
): Promise<Section[]> {
  const ms = context.quick ? 200 : 4000
  context.say('where the time goes: profile and waits')
  const js = await profiled(() => load(uniformCase, ms), partOf)
  const uniformWaits = await waitsDuring(ours.database.url, () => load(uniformCase, ms))
  const hotWaits = await waitsDuring(ours.database.url, () => load(hotCase, ms))
  return [
    {
      title: 'where Node spends its time, 16 callers',
      note: 'Shares of V8’s samples of the one JavaScript thread.',
      rows: sharesOf(js),
    },
    {
      title: 'what a connection waits for, uniform, 16 callers',
      note: 'Shares of samples of pg_stat_activity.',
      rows: sharesOf(uniformWaits),
    },
    { title: 'what a connection waits for, hot account, 16 callers', rows: sharesOf(hotWaits) },
  ]
}

const sharesOf = (shares: ReadonlyMap<string, number>): Row[] =>
  [...shares]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, share]) => ({ case: name, unit: '%', ...spread([100 * share]) }))

function partOf(url: string, functionName: string): string {
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (/\/node_modules\/pg[-/@]|\/node_modules\/postgres-/.test(url)) return 'pg'
  if (url.includes('/node_modules/kysely')) return 'Kysely'
  if (url.includes('/packages/ledger/')) return 'ledger'
  if (url.includes('/bench/') || url.includes('/node_modules/uuid')) return 'the caller'
  return url.startsWith('node:') || url === '' ? 'Node: sockets, promises, native code' : 'other'
}
