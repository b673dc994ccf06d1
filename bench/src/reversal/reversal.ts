import type { Bench } from '../lib/context.ts'
import { flatMemory, memoryRows, ratesOf, runLong } from '../lib/long-run.ts'
import { openPostgres } from '../lib/postgres.ts'
import { atMost, type Claim, type Row, type Section } from '../lib/result.ts'
import { spread } from '../lib/stats.ts'
import type { JobReport, JobSettings } from './job.ts'
import { faultsOf, fill } from './place.ts'

const JOB = new URL('job.ts', import.meta.url)
const BATCH = 500
const CONCURRENCY = 16

interface Case {
  readonly name: string
  readonly title: string
  readonly count: number
  readonly databases: 1 | 2
  readonly decide: JobSettings['decide']
}

const cases = (quick: boolean): readonly Case[] => [
  {
    name: 'two_databases',
    title: 'the ledger in a database of its own: decide, then record',
    count: quick ? 3_000 : 1_000_000,
    databases: 2,
    decide: 'outside',
  },
  {
    name: 'one_database',
    title: 'one database: decided and recorded in one transaction',
    count: quick ? 3_000 : 100_000,
    databases: 1,
    decide: 'inside',
  },
]

/** A million stale rows: is memory flat, are batches bounded, does the rate hold? */
export const reversal: Bench = {
  about:
    'A million stale rows are resolved by one run. Is its memory flat, are its batches bounded, does the last tenth go as fast as the first?',
  takes: 'about 20 minutes',
  async run(context) {
    await using server = await openPostgres(context)
    const sections: Section[] = []
    const claims: Claim[] = []
    const faults: string[] = []
    for (const each of cases(context.quick)) {
      if (context.only.length > 0 && !context.only.includes(each.name)) continue
      const place = await fill(server.url, each.name, each.count, each.databases)
      context.say(`${each.count} stale rows wait (${each.name})`)
      const settings: JobSettings = {
        place,
        decide: each.decide,
        batchSize: BATCH,
        concurrency: CONCURRENCY,
      }
      const report = await runLong<JobReport>(context, JOB, settings, 'resolved')
      const wrong = await faultsOf(place, each.count)
      if (report.endedBy !== 'done') wrong.push(`the run ended by ${report.endedBy}`)
      faults.push(...wrong.map((fault) => `${each.name}: ${fault}`))
      const { section, claims: theirs } = findings(each, report, wrong[0])
      sections.push(section)
      claims.push(...theirs)
    }
    return { sections, claims, faults }
  },
}

function findings({ name, title, count }: Case, report: JobReport, fault: string | undefined) {
  const { samples, batchMax, metricsMs } = report
  const rates = ratesOf(samples, count)
  const memory = flatMemory(samples, count, {
    id: `memory-${name.replace('_', '-')}`,
    what: `resident memory in the last tenth ÷ in the second tenth, ${figure(count)} rows`,
  })
  const [first, last] = [rates[0] ?? Number.NaN, rates.at(-1) ?? Number.NaN]
  const rows: Row[] = [
    {
      case: 'rows resolved',
      unit: '/s',
      ...spread(rates),
      correct: fault === undefined ? 'each ended once, as its fence says' : `✗ ${fault}`,
    },
    { case: 'rate of the last tenth ÷ first tenth', unit: '×', ...spread([last / first]) },
    ...memoryRows(samples),
    ...memory.rows,
    { case: 'largest batch', unit: 'rows', ...spread([batchMax]) },
    { case: `metrics() with ${figure(count)} stale`, unit: 'ms', ...spread([metricsMs[0]]) },
    { case: 'metrics() with none', unit: 'ms', ...spread([metricsMs[1]]) },
  ]
  const note = `${figure(count)} stale rows, half on each leash, one in a hundred of them posted before, in a table of twice as many; batches of ${BATCH}, ${CONCURRENCY} at a time, a hook that writes a row. Rates are of tenths; memory of looks four times a second.`
  const claims: Claim[] = [
    ...memory.claims,
    atMost(`batch-${name.replace('_', '-')}`, BATCH, batchMax, 'rows in the largest batch'),
  ]
  return { section: { title, note, rows }, claims }
}

const figure = (count: number): string => count.toLocaleString('en-US')
