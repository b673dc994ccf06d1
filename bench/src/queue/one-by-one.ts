import { atLeast, type Claim, type Section } from '../lib/result.ts'
import { byHand } from './contenders/by-hand.ts'
import { payflow } from './contenders/payflow.ts'
import { Crew } from './crew.ts'
import { cpuRow, type Entry, inRounds, rateRow, ratioRow } from './paces.ts'
import type { Part } from './part.ts'

/** Messages a round: about a second of work. */
const counts: Readonly<Record<number, number>> = { 1: 500, 8: 1_500, 32: 2_000 }

/** One transaction a message: ours and what one writes by hand who knows all of it. */
export const oneByOne: Part = async (context, ground) => {
  const sections: Section[] = []
  const claims: Claim[] = []
  await using ours = await Crew.open(payflow, ground)
  await using hand = await Crew.open(byHand, ground)
  for (const [text, count] of Object.entries(counts)) {
    const concurrency = Number(text)
    const order = {
      concurrency,
      prefetch: concurrency * 2,
      count: context.quick ? 100 : count,
    }
    const entries: Entry[] = [ours, hand].map((crew) => ({
      name: crew.contender.name,
      crew,
      order,
    }))
    const title = `one transaction a message, ${concurrency} at a time`
    const paces = await inRounds(context, title, entries, context.quick ? 1 : 9)
    const ratio = ratioRow(paces, 'payflow ÷ by hand', payflow.name, byHand.name)
    sections.push(
      { title, rows: entries.map((entry) => rateRow(paces, entry)) },
      { title: `${title}, compared`, rows: [ratio] },
      { title: `${title}, processor time`, rows: entries.map((entry) => cpuRow(paces, entry)) },
    )
    claims.push(atLeast(`a-c${concurrency}`, 0.9, ratio.median, `payflow ÷ by hand, ${title}`))
  }
  return { sections, claims, faults: ours.faults.map((fault) => `${payflow.name}: ${fault}`) }
}
