import type { Context } from '../../lib/context.ts'
import type { Case } from '../../lib/load.ts'
import { atLeast, type Claim, type Row, type Section } from '../../lib/result.ts'
import {
  faultsOf,
  inRounds,
  latencyRow,
  type Measured,
  of,
  perSecond,
  rateRow,
} from '../../lib/rounds.ts'
import { ratios, spread } from '../../lib/stats.ts'
import { homemade, ours, peers } from '../contenders/all.ts'
import { Contestant } from './contestant.ts'
import { ourFaults } from './duplicates.ts'
import type { Part } from './part.ts'

const FLOOR = 'by hand'
const BARE = 'bare route'

/** First requests: every key is new. One caller, then 64. */
export const first: Part = async (context, ground) => {
  const sections: Section[] = []
  const claims: Claim[] = []
  const faults: string[] = []
  for (const callers of [1, 64]) {
    const contestants: Contestant[] = []
    for (const contender of [ours, ...homemade, ...peers]) {
      const options = { connections: callers }
      contestants.push(await Contestant.open(contender, ground.redis, ground.redisUrl, options))
    }
    const cases: Case[] = contestants.map((contestant) => ({
      name: contestant.name,
      callers,
      world: contestant,
      call: (caller) => contestant.first(caller),
    }))
    const title = `first requests, ${callers === 1 ? 'one caller' : `${callers} callers`}`
    const options = roundsOf(context)
    const measured = await inRounds(context, title, cases, options)
    await Promise.all(contestants.map((each) => each.close()))
    const compared = comparedBy(measured, contestants, options.rounds)
    sections.push(
      { title, rows: cases.map(({ name }) => rateRow(of(measured, name))) },
      { title: `${title}, compared`, rows: [...compared.rows, ...compared.cpuRatios] },
      {
        title: `${title}, processor time a request`,
        note: 'Of the Node process with Express and of Redis, without the callers. Neighbours on the machine make it stray less than time on the clock.',
        rows: compared.cpu,
      },
    )
    if (callers === 1) {
      const quantiles = cases.flatMap(({ name }) =>
        [0.5, 0.99].map((q) => latencyRow(of(measured, name), q)),
      )
      sections.push({ title: 'time of a first request, one caller', rows: quantiles })
    }
    claims.push(...compared.claims(callers))
    faults.push(...ourFaults(faultsOf(measured)))
  }
  return { sections, claims, faults }
}

const earlyAnswers =
  'node-idempotency and express-idempotency answer before their record is written; ours waits one round trip longer, so that a retry at that moment finds it (IDEM-04). Beyond that, ours takes more processor time in Node and, with scripts that compare body, owner and lease, in Redis: see the tables of processor time.'

const roundsOf = (context: Context) =>
  context.quick ? { rounds: 1, sliceMs: 200 } : { rounds: 9, sliceMs: 700 }

function comparedBy(measured: Measured, contestants: readonly Contestant[], rounds: number) {
  const rate = (name: string): number[] => perSecond(of(measured, name))
  const bestPeer = Array.from({ length: rounds }, (_, round) =>
    Math.max(...peers.map(({ name }) => rate(name)[round] ?? 0)),
  )
  const compare = (name: string, over: number[], under: number[]): Row => ({
    case: name,
    unit: '×',
    ...spread(ratios(over, under)),
  })
  const floor = compare('payflow ÷ by hand', rate(ours.name), rate(FLOOR))
  const peer = compare('payflow ÷ best peer of the round', rate(ours.name), bestPeer)
  const bare = compare('payflow ÷ bare route', rate(ours.name), rate(BARE))
  const cpuOf = new Map(contestants.map(({ name, cpu }) => [name, cpu.slice(-rounds)]))
  const total = (name: string): number[] =>
    (cpuOf.get(name) ?? []).map((share) => share.nodeMicros + share.redisMicros)
  const cpu = [...cpuOf].flatMap(([name, shares]): Row[] => [
    { case: `${name}: Node`, unit: 'µs', ...spread(shares.map((share) => share.nodeMicros)) },
    { case: `${name}: Redis`, unit: 'µs', ...spread(shares.map((share) => share.redisMicros)) },
  ])
  const cpuRatios = [
    compare('processor time, by hand ÷ payflow', total(FLOOR), total(ours.name)),
    ...peers.map(({ name }) =>
      compare(`processor time, ${name} ÷ payflow`, total(name), total(ours.name)),
    ),
  ]
  const claims = (callers: number): Claim[] => [
    atLeast(`floor-c${callers}`, 0.95, floor.median, `payflow ÷ by hand, ${callers} at a time`),
    {
      ...atLeast(`peer-c${callers}`, 1.2, peer.median, `payflow ÷ best peer, ${callers} at a time`),
      remark: earlyAnswers,
    },
  ]
  return { rows: [floor, peer, bare], cpu, cpuRatios, claims }
}
