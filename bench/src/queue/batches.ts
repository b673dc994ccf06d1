import { atLeast, type Claim, type Section } from '../lib/result.ts'
import { payflow, payflowBatch, payflowSets } from './contenders/payflow.ts'
import { Crew } from './crew.ts'
import { cpuRow, type Entry, inRounds, rateRow, ratioRow } from './paces.ts'
import type { Part } from './part.ts'

/** Many messages in a transaction, against our own one at a time. */
export const batches: Part = async (context, ground) => {
  await using stack = new AsyncDisposableStack()
  const entry = async (
    contender: typeof payflow,
    order: { concurrency: number; prefetch: number; count: number; batchSize?: number },
  ): Promise<Entry> => {
    const crew = stack.use(await Crew.open(contender, ground))
    const count = context.quick ? Math.ceil(order.count / 10) : order.count
    return { name: contender.name, crew, order: { ...order, count } }
  }
  const entries = [
    await entry(payflow, { concurrency: 8, prefetch: 16, count: 1_000 }),
    await entry(payflowBatch, { concurrency: 2, prefetch: 200, batchSize: 50, count: 4_000 }),
    await entry(payflowSets, { concurrency: 2, prefetch: 800, batchSize: 200, count: 16_000 }),
  ]
  const title = 'batches'
  const paces = await inRounds(context, title, entries, context.quick ? 1 : 7)
  const small = ratioRow(paces, 'batches ÷ one by one', payflowBatch.name, payflow.name)
  const sets = ratioRow(paces, 'handleBatch ÷ one by one', payflowSets.name, payflow.name)
  const note =
    'One by one: 8 at a time. Batches: 50 messages, a handler each. handleBatch: 200 messages, one statement for all effects. Two batches at a time, each message with its inbox row and its own settlement.'
  const sections: Section[] = [
    { title, note, rows: entries.map((each) => rateRow(paces, each)) },
    { title: `${title}, compared`, rows: [small, sets] },
    { title: `${title}, processor time`, rows: entries.map((each) => cpuRow(paces, each)) },
  ]
  const claims: Claim[] = [
    atLeast('b-messages', 3, small.median, 'batches with a handler a message ÷ one by one'),
    atLeast('b-sets', 10, sets.median, 'batches with one statement ÷ one by one'),
  ]
  const faults = entries.flatMap(({ name, crew }) =>
    crew.faults.map((fault) => `${name}: ${fault}`),
  )
  return { sections, claims, faults }
}
