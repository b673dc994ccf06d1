import { preparedStatements } from '@payflow/ledger'
import { type Kysely, sql } from 'kysely'
import type { Bench, Context } from '../lib/context.ts'
import { openPostgres } from '../lib/postgres.ts'
import { atMost, type Claim, type Row } from '../lib/result.ts'
import { faultsOf, inRounds, of, perSecond, rateRow } from '../lib/rounds.ts'
import { ratios, spread } from '../lib/stats.ts'
import { singleCalls } from './cases.ts'
import { type Move, uniform } from './moves.ts'
import { count, kyselyOf, openOurs, type OurWorld } from './ours.ts'
import { accountsFor } from './part.ts'

const CALLERS = 16
const ITEMS = 1000

interface Grown {
  readonly rows: number
  readonly name: string
  readonly ours: OurWorld
  readonly db: Kysely<any>
  readonly move: () => Move
  /** Transfers a second while it grew, of its first and its last tenth. */
  readonly first: number
  readonly last: number
}

/** Does a transfer cost more when the journal is long? */
export const ledgerGrowth: Bench = {
  about: 'The cost of a transfer at 10 thousand, 1 million and 10 million journal rows.',
  takes: 'about 20 minutes, and 15 GB of disk',
  async run(context) {
    await using server = await openPostgres(context)
    const grown: Grown[] = []
    for (const rows of context.quick ? [500, 5_000] : [10_000, 1_000_000, 10_000_000]) {
      grown.push(await grow(context, server.url, rows))
    }
    await sql`checkpoint`.execute(grown[0]?.ours.database.db as Kysely<any>)
    const cases = grown.map(({ name, ours, db, move }) =>
      singleCalls({ name, world: bySequence(ours), move }, db, CALLERS),
    )
    const measured = await inRounds(context, 'growth', cases, {
      rounds: context.quick ? 2 : 9,
      sliceMs: context.quick ? 200 : 1500,
    })
    const [smallest, ...larger] = cases.map(({ name }) => of(measured, name))
    if (smallest === undefined) throw new Error('no sizes')
    const costs = larger.map((series): Row => ({
      case: `cost at ${series.name} ÷ cost at ${smallest.name}`,
      unit: '×',
      ...spread(ratios(perSecond(smallest), perSecond(series))),
    }))
    const storage = await Promise.all(grown.map(storageRow))
    const missing = (await Promise.all(grown.map(missingRows))).flat()
    for (const { ours } of grown) await ours.close()
    return {
      sections: [
        {
          title: `single transfers by journal rows, ${CALLERS} callers`,
          note: 'Each size is a database of its own on one server, measured in the same rounds. The measurement itself adds some ten thousand rows to each.',
          rows: [...cases.map(({ name }) => rateRow(of(measured, name))), ...costs],
        },
        {
          title: 'while it grew: transferMany(1000), 4 callers',
          rows: grown.flatMap(({ name, first, last }) => [
            { case: `${name}: first tenth`, unit: '/s', ...spread([first]) },
            { case: `${name}: last tenth`, unit: '/s', ...spread([last]) },
          ]),
        },
        { title: 'disk of a journal row, indexes included', rows: storage },
      ],
      claims: costs.map(({ median }, index) => claim(median, larger[index]?.name ?? '')),
      faults: [...faultsOf(measured), ...missing],
    }
  },
}

const claim = (cost: number, size: string): Claim =>
  atMost(
    `growth-${size.replaceAll(/\D/g, '')}`,
    1.25,
    cost,
    `cost of a transfer at ${size} ÷ at the smallest journal, at most`,
  )

/** A database whose journal has been written by `transferMany`, so that its chains are sound. */
async function grow(context: Context, serverUrl: string, rows: number): Promise<Grown> {
  const accounts = accountsFor(context)
  const name = `${rows.toLocaleString('en-US')} rows`
  const ours = await openOurs({ serverUrl, accounts })
  const db = kyselyOf(preparedStatements(ours.pool(CALLERS)))
  const move = uniform(accounts)
  const began = performance.now()
  const marks: { rows: number; ms: number }[] = [{ rows: 0, ms: 0 }]
  let asked = 0
  let made = 0
  async function caller(): Promise<void> {
    while (asked < rows) {
      const items = Math.min(ITEMS, rows - asked)
      asked += items
      const requests = Array.from({ length: items }, () => ours.request(move()))
      for (const { outcome } of await ours.ledger.transferMany(db, requests, { chunk: ITEMS })) {
        if (outcome !== 'created') throw new Error(`a transfer was ${outcome}`)
      }
      made += items
      if (made < (marks.length * rows) / 10) continue
      marks.push({ rows: made, ms: performance.now() - began })
      const rate = Math.round((made / (performance.now() - began)) * 1000)
      context.say(`${made.toLocaleString('en-US')} of ${name}, ${rate} /s`)
    }
  }
  await Promise.all([caller(), caller(), caller(), caller()])
  const [start, tenth] = marks
  const [before, end] = marks.slice(-2)
  return { rows, name, ours, db, move, first: rate(start, tenth), last: rate(before, end) }
}

type Mark = { readonly rows: number; readonly ms: number } | undefined
const rate = (from: Mark, to: Mark): number =>
  from === undefined || to === undefined ? 0 : ((to.rows - from.rows) / (to.ms - from.ms)) * 1000

/** Counts by the sequences of the accounts: counting ten million rows would cool the cache. */
const bySequence = ({ verify: _verify, ...ours }: OurWorld): OurWorld => ({
  ...ours,
  compared: 'Σ = 0, Σ sequences = 2 × calls',
  async rows() {
    const { rows } = await sql<{ n: string }>`
      select sum(seq) / 2 as n from ledger.account`.execute(ours.database.db)
    return Number(rows[0]?.n)
  },
})

async function missingRows({ name, ours }: Grown): Promise<string[]> {
  const counted = await count(ours.database.db, 'ledger.transfer')
  const expected = await bySequence(ours).rows()
  return counted === expected ? [] : [`${name}: ${counted} rows for ${expected} sequence numbers`]
}

async function storageRow({ name, ours }: Grown): Promise<Row> {
  const { rows } = await sql<{ bytes: string }>`
    select pg_total_relation_size('ledger.transfer') / count(*) as bytes
    from ledger.transfer`.execute(ours.database.db)
  return { case: name, unit: 'bytes', ...spread([Number(rows[0]?.bytes)]) }
}
