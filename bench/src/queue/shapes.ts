import type { Section } from '../lib/result.ts'
import { byHand, byHandClassic } from './contenders/by-hand.ts'
import { payflow } from './contenders/payflow.ts'
import { Crew } from './crew.ts'
import { cpuRow, type Entry, inRounds, rateRow, ratioRow } from './paces.ts'
import type { Part } from './part.ts'

const CONCURRENCY = 8
const LARGE_BYTES = 5_000

const note =
  'One transaction a message, 8 at a time. Ours declares quorum queues and no others, so what another kind is worth is told by the loop written by hand; on one node a classic queue saves the Raft log, and in a cluster it has no copies.'

/** Larger bodies, and the other kind of queue. */
export const shapes: Part = async (context, ground) => {
  await using ours = await Crew.open(payflow, ground)
  await using hand = await Crew.open(byHand, ground)
  await using classic = await Crew.open(byHandClassic, ground)
  const count = context.quick ? 100 : 1_500
  const order = { concurrency: CONCURRENCY, prefetch: CONCURRENCY * 2, count }
  const plain = [ours, hand, classic].map((crew): Entry => {
    const { name } = crew.contender
    return { name, crew, order }
  })
  const large = [ours, hand, classic].map((crew): Entry => {
    const name = `${crew.contender.name}, ${LARGE_BYTES} bytes`
    return { name, crew, order: { ...order, bodyBytes: LARGE_BYTES } }
  })
  const entries = [...plain, ...large]
  const title = 'kinds of queue, sizes of body'
  const paces = await inRounds(context, title, entries, context.quick ? 1 : 3)
  const ratio = (over: number, under: number) => {
    const [one, other] = [entries[over]?.name ?? '', entries[under]?.name ?? '']
    return ratioRow(paces, `${one} ÷ ${other}`, one, other)
  }
  const sections: Section[] = [
    { title, note, rows: entries.map((entry) => rateRow(paces, entry)) },
    { title: `${title}, compared`, rows: [ratio(3, 4), ratio(3, 0), ratio(4, 1), ratio(2, 1)] },
    { title: `${title}, processor time`, rows: entries.map((entry) => cpuRow(paces, entry)) },
  ]
  return { sections, claims: [], faults: ours.faults.map((fault) => `${payflow.name}: ${fault}`) }
}
