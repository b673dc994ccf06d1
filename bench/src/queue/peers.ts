import { atMost, type Claim, type Row, type Section } from '../lib/result.ts'
import { spread } from '../lib/stats.ts'
import { peers as all } from './contenders/all.ts'
import { byHand } from './contenders/by-hand.ts'
import { payflow } from './contenders/payflow.ts'
import { Crew } from './crew.ts'
import { killed, promising } from './killed.ts'
import { cpuRow, type Entry, inRounds, rateRow, ratioRow } from './paces.ts'
import type { Ground, Part } from './part.ts'
import type { Context } from '../lib/context.ts'

const CONCURRENCY = 8

/** What one would install instead: how fast, and whether each effect is there once after kill -9. */
export const peers: Part = async (context, ground) => {
  const { sections, faults } = await rates(context, ground)
  const rows: Row[] = []
  const wrong: string[] = []
  for (const contender of context.quick ? [payflow] : [payflow, byHand, ...all]) {
    const { name, missing, doubled } = await killed(context, ground, contender)
    const isRight = missing === 0 && doubled === 0
    const text = isRight ? 'one effect each' : `✗ ${missing} missing, ${doubled} doubled`
    rows.push({ case: name, unit: 'wrong', ...spread([missing + doubled]), correct: text })
    if (!isRight && promising.has(name))
      wrong.push(`${name}: ${missing} missing, ${doubled} doubled`)
  }
  const note =
    'Messages without an effect, or with more than one, after a worker was killed (-9) again and again while it worked, and replaced each time. Of a library that brings no inbox this is what its README leaves to its user; it says what that work is worth.'
  const claims: Claim[] = [
    atMost('e', 0, rows[0]?.median ?? Number.NaN, 'messages lost or doubled by ours after kill -9'),
  ]
  return {
    sections: [...sections, { title: 'after kill -9', note, rows }],
    claims,
    faults: [...faults, ...wrong],
  }
}

async function rates(
  context: Context,
  ground: Ground,
): Promise<{ sections: Section[]; faults: string[] }> {
  await using stack = new AsyncDisposableStack()
  const entries: Entry[] = []
  for (const contender of [payflow, byHand, ...all]) {
    const crew = stack.use(await Crew.open(contender, ground))
    const count = context.quick ? 100 : 1_000
    const order = { concurrency: CONCURRENCY, prefetch: CONCURRENCY * 2, count }
    entries.push({ name: contender.name, crew, order })
  }
  const title = `the same effect, ${CONCURRENCY} at a time`
  const paces = await inRounds(context, title, entries, context.quick ? 1 : 3)
  const note =
    'One row in a transaction for each message. Only ours and “by hand” also write an inbox row, which is what keeps the table below right; pg-boss and graphile-worker write into their own tables, BullMQ into Redis.'
  return {
    sections: [
      { title, note, rows: entries.map((entry) => rateRow(paces, entry)) },
      {
        title: `${title}, compared`,
        rows: entries
          .slice(1)
          .map(({ name }) => ratioRow(paces, `payflow ÷ ${name}`, payflow.name, name)),
      },
      { title: `${title}, processor time`, rows: entries.map((entry) => cpuRow(paces, entry)) },
    ],
    faults: entries
      .filter(({ name }) => promising.has(name))
      .flatMap(({ name, crew }) => crew.faults.map((fault) => `${name}: ${fault}`)),
  }
}
