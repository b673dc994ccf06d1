import { startRabbitmq } from '@payflow/testkit'
import type { Bench } from '../lib/context.ts'
import { flatMemory, memoryRows, ratesOf, runLong } from '../lib/long-run.ts'
import { openPostgres } from '../lib/postgres.ts'
import { atMost, type Claim, type Row, type Section } from '../lib/result.ts'
import { spread } from '../lib/stats.ts'
import type { BacklogSample, BacklogSettings } from './backlog-worker.ts'
import { messages } from './contenders/contender.ts'
import { payflowSets } from './contenders/payflow.ts'
import { Crew } from './crew.ts'

/** The bus is told nothing of heartbeats here, so they are sent every ten seconds. */
const HEARTBEAT_MS = 10_000
const AT_ONCE = 20_000
const WORKER = new URL('backlog-worker.ts', import.meta.url)

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
    const settings: BacklogSettings = { place: crew.place, options }
    const { samples } = await runLong<Report>(context, WORKER, settings, 'drained')
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

interface Report {
  readonly samples: readonly BacklogSample[]
}

function findings(samples: readonly BacklogSample[], count: number, fault: string | undefined) {
  const memory = flatMemory(samples, count, {
    id: 'memory',
    what: 'resident memory in the last tenth ÷ in the second tenth',
  })
  const stalls = samples.map(({ stallMs }) => stallMs)
  const correct = fault === undefined ? 'one effect each' : `✗ ${fault}`
  const rows: Row[] = [
    { case: 'messages', unit: '/s', ...spread(ratesOf(samples, count)), correct },
    ...memoryRows(samples),
    { case: 'longest stall of the event loop in a quarter second', unit: 'ms', ...spread(stalls) },
    ...memory.rows,
  ]
  const note = `${count.toLocaleString('en-US')} messages of 500 bytes in one quorum queue; two batches of 200 at a time, prefetch 800. Rates are of tenths of the backlog; memory and stalls of looks four times a second.`
  const sections: Section[] = [{ title: 'a backlog, drained from a cold start', note, rows }]
  const claims: Claim[] = [
    ...memory.claims,
    atMost(
      'stall',
      HEARTBEAT_MS / 2,
      Math.max(...stalls),
      'longest stall in ms; half a heartbeat is the limit',
    ),
  ]
  return { sections, claims }
}
