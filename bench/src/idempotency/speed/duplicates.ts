import type { Case } from '../../lib/load.ts'
import type { Section } from '../../lib/result.ts'
import { faultsOf, inRounds, of, rateRow, ratioRow } from '../../lib/rounds.ts'
import { homemade, ours, peers } from '../contenders/all.ts'
import { Contestant } from './contestant.ts'
import type { Part } from './part.ts'

const CALLERS = 64

/** One in a hundred, and one in two, has been asked before. */
export const duplicates: Part = async (context, ground) => {
  const sections: Section[] = []
  const faults: string[] = []
  for (const share of [0.01, 0.5]) {
    const contestants: Contestant[] = []
    for (const contender of [ours, ...homemade.slice(0, 1), ...peers]) {
      const options = { connections: CALLERS }
      contestants.push(await Contestant.open(contender, ground.redis, ground.redisUrl, options))
    }
    const cases: Case[] = contestants.map((contestant) => ({
      name: contestant.name,
      callers: CALLERS,
      world: contestant,
      call: (caller) => contestant.mixed(caller, share),
    }))
    const title = `${share * 100} % duplicates, ${CALLERS} callers`
    const options = context.quick ? { rounds: 1, sliceMs: 200 } : { rounds: 5, sliceMs: 700 }
    const measured = await inRounds(context, title, cases, options)
    await Promise.all(contestants.map((each) => each.close()))
    const rates = cases.map(({ name }) => rateRow(of(measured, name)))
    const others = cases.slice(1).map(({ name }) => {
      return ratioRow(`payflow ÷ ${name}`, of(measured, ours.name), of(measured, name))
    })
    sections.push({ title, rows: rates }, { title: `${title}, compared`, rows: others })
    faults.push(...faultsOf(measured))
  }
  return { sections, claims: [], faults: ourFaults(faults) }
}

/** What a peer does wrong is in its row; what ours does wrong ends the run with 1. */
export const ourFaults = (faults: readonly string[]): string[] =>
  faults.filter((fault) => fault.startsWith(`${ours.name}:`))
