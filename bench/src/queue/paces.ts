import type { Context } from '../lib/context.ts'
import type { Row } from '../lib/result.ts'
import { ratios, spread } from '../lib/stats.ts'
import type { Crew } from './crew.ts'
import type { Pace, WorkOrder } from './worker.ts'

/** One line of a table: who works, and on how many messages a round. */
export interface Entry {
  readonly name: string
  readonly crew: Crew
  readonly order: WorkOrder
}

/** The paces of each entry, one a round. */
export type Paces = ReadonlyMap<string, readonly Pace[]>

/**
 * Measures the entries next to each other, again and again. Each round begins with another one, and
 * every second goes backwards. A round before the first warms up and is thrown away.
 */
export async function inRounds(
  context: Context,
  title: string,
  entries: readonly Entry[],
  rounds: number,
): Promise<Paces> {
  const paces = new Map<string, Pace[]>(entries.map(({ name }) => [name, []]))
  for (const { crew, order } of entries) {
    await crew.slice({ ...order, count: Math.ceil(order.count / 3) })
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, crew, order } of turned(entries, round)) {
      paces.get(name)?.push(await crew.slice(order))
    }
    const figures = entries.map(
      ({ name }) => `${name} ${Math.round(paces.get(name)?.at(-1)?.perSecond ?? 0)}`,
    )
    context.say(`${title}, round ${round + 1} of ${rounds}: ${figures.join(' · ')} /s`)
  }
  return paces
}

function turned<T>(list: readonly T[], round: number): T[] {
  const first = round % list.length
  const order = [...list.slice(first), ...list.slice(0, first)]
  return round % 2 === 0 ? order : order.toReversed()
}

/** Messages a second. */
export const rateRow = (paces: Paces, { name, crew }: Entry): Row => ({
  case: name,
  unit: '/s',
  ...spread(of(paces, name).map((pace) => pace.perSecond)),
  correct: crew.faults[0] === undefined ? 'one effect each' : `✗ ${crew.faults[0]}`,
})

/** Processor time of the contender's process. */
export const cpuRow = (paces: Paces, { name }: Entry): Row => ({
  case: `${name}: Node`,
  unit: 'µs',
  ...spread(of(paces, name).map((pace) => pace.cpuMicros)),
})

/** How many times as fast the first is, round by round. */
export const ratioRow = (paces: Paces, text: string, over: string, under: string): Row => ({
  case: text,
  unit: '×',
  ...spread(
    ratios(
      of(paces, over).map((pace) => pace.perSecond),
      of(paces, under).map((pace) => pace.perSecond),
    ),
  ),
})

export function of(paces: Paces, name: string): readonly Pace[] {
  const found = paces.get(name)
  if (found === undefined) throw new Error(`${name} was not measured`)
  return found
}
