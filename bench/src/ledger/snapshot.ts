import { preparedStatements } from '@payflow/ledger'
import { type Kysely, sql } from 'kysely'
import { type Case, load, type Slice } from '../lib/load.ts'
import type { Row } from '../lib/result.ts'
import { spread } from '../lib/stats.ts'
import { singleCalls } from './cases.ts'
import { toHot } from './moves.ts'
import { addHotAccount, kyselyOf, openOurs } from './ours.ts'
import { accountsFor, type Part } from './part.ts'

const CALLERS = 16

interface Stretch {
  readonly name: string
  readonly slices: readonly Slice[]
  /** Share of the updates of accounts that stayed on their page and touched no index. */
  readonly hotPercent: number
}

/**
 * LEDGER-27: a report that keeps a snapshot open on the primary while a hot account is written.
 * Row versions that the report might still read cannot be pruned, so every update has to walk
 * over all of them.
 */
export const snapshot: Part = async (context, server) => {
  const accounts = accountsFor(context)
  const ours = await openOurs({ serverUrl: server.url, accounts })
  const move = toHot(accounts, await addHotAccount(ours, 'exact'))
  const db = kyselyOf(preparedStatements(ours.pool(CALLERS)))
  const work = singleCalls({ name: 'hot account', world: ours, move }, db, CALLERS)
  const rowsBefore = await ours.rows()
  const seconds = context.quick ? 1 : 12
  await load(work, 500)
  const stretch = stretches(work, ours.database.db, seconds)
  const before = await stretch('before: no snapshot')
  context.say(`snapshot: ${Math.round(last(before).perSecond)} /s without`)
  const reader = await ours.pool(1).connect()
  await reader.query('begin isolation level repeatable read')
  await reader.query('select count(*) from ledger.account')
  const during = await stretch('a REPEATABLE READ snapshot open')
  await reader.query('commit')
  reader.release()
  context.say(`snapshot: ${Math.round(last(during).perSecond)} /s after ${seconds} s of it`)
  const after = await stretch('after it was closed')
  const done = [before, during, after].flatMap(({ slices }) => slices)
  const faults = [...(await ours.faults()), ...((await ours.verify?.()) ?? [])]
  const grown = (await ours.rows()) - rowsBefore
  const correct = faults.length === 0 ? 'Σ = 0, verify clean' : `✗ ${faults[0]}`
  await ours.close()
  return {
    sections: [
      {
        title: `LEDGER-27: a snapshot held open, one hot account, ${CALLERS} callers`,
        note: `Stretches of ${seconds} s, a measurement a second, one after the other and not interleaved; ${grown} transfers in all, ${done.length} measurements. HOT: updates that stayed on their page.`,
        rows: [before, during, after]
          .flatMap((each) => rowsOf(each, correct))
          .concat({
            case: 'last second with the snapshot ÷ median before it',
            unit: '×',
            ...spread([last(during).perSecond / spread(rates(before)).median]),
          }),
      },
    ],
    claims: [],
    faults,
  }
}

function stretches(
  work: Case,
  db: Kysely<any>,
  seconds: number,
): (name: string) => Promise<Stretch> {
  let before: Updates | undefined
  return async (name) => {
    before ??= await updates(db)
    const slices: Slice[] = []
    for (let i = 0; i < seconds; i++) slices.push(await load(work, 1000))
    const after = await updates(db)
    const hotPercent = (100 * (after.hot - before.hot)) / (after.all - before.all)
    before = after
    return { name, slices, hotPercent }
  }
}

const rates = ({ slices }: Stretch): number[] => slices.map(({ perSecond }) => perSecond)

function last({ slices }: Stretch): Slice {
  const slice = slices.at(-1)
  if (slice === undefined) throw new Error('nothing was measured')
  return slice
}

const rowsOf = (each: Stretch, correct: string): Row[] => [
  { case: each.name, unit: '/s', ...spread(rates(each)), correct },
  {
    case: `${each.name}: its last second`,
    unit: '/s',
    ...spread([last(each).perSecond]),
  },
  { case: `${each.name}: HOT updates of accounts`, unit: '%', ...spread([each.hotPercent]) },
]

interface Updates {
  readonly all: number
  readonly hot: number
}

/** Updates of accounts so far. Backends report them when they are idle, at the latest after 1 s. */
async function updates(db: Kysely<any>): Promise<Updates> {
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const { rows } = await sql<{ all: string; hot: string }>`
    select n_tup_upd as all, n_tup_hot_upd as hot from pg_stat_user_tables
    where relid = 'ledger.account'::regclass`.execute(db)
  return { all: Number(rows[0]?.all), hot: Number(rows[0]?.hot) }
}
