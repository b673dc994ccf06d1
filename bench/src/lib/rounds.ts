import type { Context } from './context.ts'
import { type Case, load, type Slice } from './load.ts'
import type { Row } from './result.ts'
import { quantile, ratios, spread } from './stats.ts'

/** All slices of a case, one a round, in the order of the rounds. */
export interface Series {
  readonly name: string
  readonly callers: number
  readonly slices: readonly Slice[]
  readonly faults: readonly string[]
  /** How the data looked after the slices. */
  readonly correct: string
}

export interface RoundsOptions {
  readonly rounds: number
  readonly sliceMs: number
}

/** Series by name. */
export type Measured = ReadonlyMap<string, Series>

/**
 * Measures the cases next to each other, again and again: a neighbour on this machine that takes
 * processor time for a while takes it from all of them. Each round begins with another case, and
 * every second one goes backwards, so that none always follows the same one.
 */
export async function inRounds(
  context: Context,
  title: string,
  cases: readonly Case[],
  options: RoundsOptions,
): Promise<Measured> {
  const running = cases.map((work) => new Running(work))
  // Opens the connections, fills the caches, lets V8 compile.
  for (const each of running) await each.slice(Math.min(700, options.sliceMs))
  for (const world of new Set(cases.map((work) => work.world))) await world?.settle()
  for (const each of running) await each.slice(Math.min(200, options.sliceMs))
  for (const each of running) each.slices.length = 0
  for (let round = 0; round < options.rounds; round++) {
    for (const each of turned(running, round)) await each.slice(options.sliceMs)
    const figures = running.map(
      ({ work, slices }) => `${work.name} ${Math.round(slices.at(-1)?.perSecond ?? 0)}`,
    )
    context.say(`${title}, round ${round + 1} of ${options.rounds}: ${figures.join(' · ')} /s`)
  }
  context.say(`${title}: looking at the data`)
  await verifyWorlds(running)
  return new Map(running.map((each) => [each.work.name, each.series()]))
}

/** A case on its way through the rounds. */
class Running {
  readonly work: Case
  readonly slices: Slice[] = []
  readonly faults: string[] = []

  constructor(work: Case) {
    this.work = work
  }

  async slice(ms: number): Promise<void> {
    const { world } = this.work
    const before = await world?.rows()
    const slice = await load(this.work, ms)
    this.slices.push(slice)
    if (world === undefined || before === undefined) return
    const grown = (await world.rows()) - before
    if (grown !== slice.done) this.faults.push(`${slice.done} done, but ${grown} rows`)
    this.faults.push(...(await world.faults()))
  }

  series(): Series {
    const { work, slices, faults } = this
    const { name, callers, world } = work
    const [fault] = faults
    const correct = fault === undefined ? (world?.compared ?? '') : `✗ ${fault}`
    return { name, callers, slices, faults, correct: `${correct}${errorsOf(slices)}` }
  }
}

async function verifyWorlds(running: readonly Running[]): Promise<void> {
  const asked = new Set<Case['world']>()
  for (const { work, faults } of running) {
    if (asked.has(work.world)) continue
    asked.add(work.world)
    faults.push(...((await work.world?.verify?.()) ?? []))
  }
}

function turned<T>(list: readonly T[], round: number): T[] {
  const first = round % list.length
  const order = [...list.slice(first), ...list.slice(0, first)]
  return round % 2 === 0 ? order : order.toReversed()
}

function errorsOf(slices: readonly Slice[]): string {
  const counts = new Map<string, number>()
  for (const { errors } of slices) {
    for (const [code, count] of errors) counts.set(code, (counts.get(code) ?? 0) + count)
  }
  return [...counts].map(([code, count]) => `; ${count} × ${code}`).join('')
}

export const perSecond = (series: Series): number[] => series.slices.map((s) => s.perSecond)

/** Units a second of each round. */
export const rateRow = (series: Series): Row => ({
  case: series.name,
  unit: '/s',
  ...spread(perSecond(series)),
  correct: series.correct,
})

/** How many times as fast the first is, round by round. */
export const ratioRow = (name: string, over: Series, under: Series): Row => ({
  case: name,
  unit: '×',
  ...spread(ratios(perSecond(over), perSecond(under))),
})

/** A quantile of the time one call takes, of each round. */
export const latencyRow = (series: Series, q: number): Row => ({
  case: `p${q * 100} of a call: ${series.name}`,
  unit: 'ms',
  ...spread(series.slices.map(({ callMs }) => quantile(sorted(callMs), q))),
})

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)

/** The series of that name. */
export function of(measured: Measured, name: string): Series {
  const series = measured.get(name)
  if (series === undefined) throw new Error(`${name} was not measured`)
  return series
}

/** What was wrong, of all cases. */
export const faultsOf = (measured: Measured): string[] =>
  [...measured.values()].flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`))
