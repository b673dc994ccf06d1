import { spawnChild, startRabbitmq } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import type { Bench, Context } from '../lib/context.ts'
import { openPostgres } from '../lib/postgres.ts'
import { atMost, type Claim, type Row, type Section } from '../lib/result.ts'
import { quantile, spread } from '../lib/stats.ts'
import type { BacklogSettings, Sample } from './backlog-worker.ts'
import { messages } from './contenders/contender.ts'
import { payflowSets } from './contenders/payflow.ts'
import { Crew } from './crew.ts'

/** The bus is told nothing of heartbeats here, so they are sent every ten seconds. */
const HEARTBEAT_MS = 10_000
const AT_ONCE = 20_000
const PARTS = 10

/** QUEUE-30: a consumer that starts cold before a million messages. */
export const queueBacklog: Bench = {
  about:
    'A million messages wait; a process starts and drains them in batches of 200. Is its memory flat, does its event loop keep turning, has each message one effect?',
  takes: 'about 5 minutes',
  async run(context) {
    const count = context.quick ? 20_000 : 1_000_000
    await using postgres = await openPostgres(context)
    await using rabbitmq = await startRabbitmq({ name: 'bench', announce: context.say })
    context.used('rabbitmq', rabbitmq.version)
    await using crew = await Crew.open(payflowSets, { postgres, rabbitmq, redisUrl: '' })
    for (let from = 0; from < count; from += AT_ONCE) {
      await payflowSets.fill(crew.place, messages(`m${from}`, AT_ONCE))
      if (from % 200_000 === 0) context.say(`${from + AT_ONCE} messages wait`)
    }
    const options = { concurrency: 2, prefetch: 800, batchSize: 200, count }
    const samples = await drain(context, { place: crew.place, options })
    const { rows, distinct } = await crew.effects()
    const left = await payflowSets.left(crew.place)
    const faults = [
      ...(rows === count ? [] : [`${count} messages, ${rows} effects`]),
      ...(rows === distinct ? [] : [`${rows - distinct} messages had their effect twice`]),
      ...(left === 0 ? [] : [`${left} messages are left`]),
    ]
    return { ...findings(samples, count, faults[0]), faults }
  },
}

async function drain(context: Context, settings: BacklogSettings): Promise<readonly Sample[]> {
  await using child = await spawnChild(new URL('backlog-worker.ts', import.meta.url), {
    env: { SETTINGS: JSON.stringify(settings) },
  })
  const telling = tell(context, child)
  const { samples } = await child.message<{ samples: readonly Sample[] }>(
    (m) => m.samples !== undefined,
    { timeoutMs: 3_600_000 },
  )
  child.send({ read: true })
  await telling
  return samples
}

async function tell(context: Context, child: Child): Promise<void> {
  for (;;) {
    try {
      const { done } = await child.message<{ done: number }>((m) => m.done !== undefined, {
        timeoutMs: 3_600_000,
      })
      context.say(`${done} drained`)
    } catch {
      return // it has ended
    }
  }
}

function rateOf(samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined) return 0
  return (last.done - first.done) / (last.seconds - first.seconds)
}

function findings(samples: readonly Sample[], count: number, fault: string | undefined) {
  const part = (index: number): Sample[] =>
    samples.filter(
      ({ done }) => done > (count * index) / PARTS && done <= (count * (index + 1)) / PARTS,
    )
  const parts = Array.from({ length: PARTS }, (_, index) => part(index)).filter(
    (each) => each.length > 1,
  )
  // A short backlog is gone before a tenth of it was looked at twice.
  const rates = parts.length === 0 ? [rateOf(samples)] : parts.map(rateOf)
  const middle = (each: readonly Sample[] | undefined): number =>
    quantile(
      (each ?? samples).map(({ rssMb }) => rssMb).toSorted((a, b) => a - b),
      0.5,
    )
  const [early, late] = [middle(parts[1]), middle(parts.at(-1))]
  const stalls = samples.map(({ stallMs }) => stallMs)
  const correct = fault === undefined ? 'one effect each' : `✗ ${fault}`
  const rows: Row[] = [
    { case: 'messages', unit: '/s', ...spread(rates), correct },
    { case: 'resident memory', unit: 'MB', ...spread(samples.map(({ rssMb }) => rssMb)) },
    { case: 'heap in use', unit: 'MB', ...spread(samples.map(({ heapMb }) => heapMb)) },
    { case: 'longest stall of the event loop in a quarter second', unit: 'ms', ...spread(stalls) },
    { case: 'memory, last tenth ÷ second tenth', unit: '×', ...spread([late / early]) },
  ]
  const note = `${count.toLocaleString('en-US')} messages of 500 bytes in one quorum queue; two batches of 200 at a time, prefetch 800. Rates are of tenths of the backlog; memory and stalls of looks four times a second.`
  const sections: Section[] = [{ title: 'a backlog, drained from a cold start', note, rows }]
  const claims: Claim[] = [
    atMost('memory', 1.25, late / early, 'resident memory in the last tenth ÷ in the second tenth'),
    atMost(
      'stall',
      HEARTBEAT_MS / 2,
      Math.max(...stalls),
      'longest stall in ms; half a heartbeat is the limit',
    ),
  ]
  return { sections, claims }
}
