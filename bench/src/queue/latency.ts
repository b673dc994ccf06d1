import { connect } from 'amqplib'
import type { ConfirmChannel } from 'amqplib'
import type { Child } from '@payflow/testkit'
import { atMost, type Claim, type Row } from '../lib/result.ts'
import { quantile, spread } from '../lib/stats.ts'
import { byHand } from './contenders/by-hand.ts'
import { message } from './contenders/contender.ts'
import { payflow } from './contenders/payflow.ts'
import { send } from './contenders/rabbit.ts'
import { Crew } from './crew.ts'
import type { Part } from './part.ts'

/** From handing a message over to the commit of its effect, with nothing else to do. */
export const latency: Part = async (context, ground) => {
  await using ours = await Crew.open(payflow, ground)
  await using hand = await Crew.open(byHand, ground)
  const rounds = context.quick ? 1 : 6
  const each = context.quick ? 20 : 200
  const connection = await connect(ground.rabbitmq.url, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  const times = { ours: [] as number[][], hand: [] as number[][] }
  for (let round = -1; round < rounds; round += 1) {
    const [a, b] = await oneRound(channel, ours, hand, each)
    if (round === -1) continue // lets V8 compile
    times.ours.push(a)
    times.hand.push(b)
    const of = (values: number[]): string =>
      `p50 ${at(values, 0.5).toFixed(2)} p99 ${at(values, 0.99).toFixed(2)} ms`
    context.say(`latency, round ${round + 1} of ${rounds}: payflow ${of(a)} · by hand ${of(b)}`)
  }
  await connection.close()
  const row = (text: string, values: readonly number[][], q: number): Row => ({
    case: text,
    unit: 'ms',
    ...spread(values.map((round) => at(round, q))),
  })
  const added = (q: number): Row => ({
    case: `p${q * 100}, payflow − by hand`,
    unit: 'ms',
    ...spread(times.ours.map((round, index) => at(round, q) - at(times.hand[index] ?? [], q))),
  })
  const p99 = added(0.99)
  const claims: Claim[] = [atMost('d', 2, p99.median, 'ms added at the 99th percentile, unloaded')]
  const note =
    'One message at a time, in turn to the one and to the other; the next when it is committed.'
  return {
    sections: [
      {
        title: 'from handing over to the commit',
        note,
        rows: [
          row('p50, payflow', times.ours, 0.5),
          row('p50, by hand', times.hand, 0.5),
          row('p99, payflow', times.ours, 0.99),
          row('p99, by hand', times.hand, 0.99),
          added(0.5),
          p99,
        ],
      },
    ],
    claims,
    faults: ours.faults.map((fault) => `${payflow.name}: ${fault}`),
  }
}

const at = (values: readonly number[], q: number): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    q,
  )

async function oneRound(
  channel: ConfirmChannel,
  ours: Crew,
  hand: Crew,
  each: number,
): Promise<[number[], number[]]> {
  const order = { concurrency: 8, prefetch: 16, count: each, timed: true }
  const [a, b] = [await ours.work(order), await hand.work(order)]
  const times: [number[], number[]] = [[], []]
  for (let index = 0; index < each; index += 1) {
    times[0].push(await oneMessage(channel, ours, a, index))
    times[1].push(await oneMessage(channel, hand, b, index))
  }
  await ours.finish(each)
  await hand.finish(each)
  return times
}

async function oneMessage(
  channel: ConfirmChannel,
  { place }: Crew,
  child: Child,
  index: number,
): Promise<number> {
  send(channel, place.queue, message(`l-${index}`, index))
  const { tookMs } = await child.message<{ tookMs: number }>((m) => m.tookMs !== undefined)
  return tookMs
}
