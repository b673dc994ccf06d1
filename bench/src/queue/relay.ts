import { atLeast, type Claim, type Section } from '../lib/result.ts'
import { rawPublish } from './contenders/raw-publish.ts'
import { relay as ours, relayByHand } from './contenders/relays.ts'
import { Crew } from './crew.ts'
import { cpuRow, type Entry, inRounds, rateRow, ratioRow } from './paces.ts'
import type { Part } from './part.ts'

const WINDOW = 512

const remark =
  'Raw publishing has its messages in memory and writes nothing down. The relay claims, reads and deletes each row in PostgreSQL, which shares the cores with it and with the broker; both slide their window. What a relay costs that is written by hand is in the table.'

/** The relay against nothing but publishing, with as many messages unconfirmed. */
export const relay: Part = async (context, ground) => {
  await using relaying = await Crew.open(ours, ground)
  await using hand = await Crew.open(relayByHand, ground)
  await using raw = await Crew.open(rawPublish, ground)
  const order = { concurrency: WINDOW, prefetch: WINDOW, count: context.quick ? 2_000 : 12_000 }
  const entries: Entry[] = [relaying, hand, raw].map((crew) => ({
    name: crew.contender.name,
    crew,
    order,
  }))
  const title = `outbox, ${WINDOW} unconfirmed`
  const paces = await inRounds(context, title, entries, context.quick ? 1 : 7)
  const ratio = ratioRow(paces, 'relay ÷ raw publish', ours.name, rawPublish.name)
  const sections: Section[] = [
    { title, rows: entries.map((entry) => rateRow(paces, entry)) },
    {
      title: `${title}, compared`,
      rows: [ratio, ratioRow(paces, 'relay ÷ relay by hand', ours.name, relayByHand.name)],
    },
    { title: `${title}, processor time`, rows: entries.map((entry) => cpuRow(paces, entry)) },
  ]
  const claims: Claim[] = [
    {
      ...atLeast('c', 0.9, ratio.median, `relay ÷ raw confirmed publish, ${WINDOW} unconfirmed`),
      remark,
    },
  ]
  return { sections, claims, faults: relaying.faults.map((fault) => `${ours.name}: ${fault}`) }
}
