import { preparedStatements } from '@payflow/ledger'
import type { Context } from '../lib/context.ts'
import type { Case } from '../lib/load.ts'
import { atLeast, type Claim, type Row } from '../lib/result.ts'
import { faultsOf, inRounds, latencyRow, of, rateRow, ratioRow } from '../lib/rounds.ts'
import { batchedCalls, singleCalls } from './cases.ts'
import { toHot } from './moves.ts'
import { addHotAccount, kyselyOf, openOurs, type OurWorld } from './ours.ts'
import { accountsFor, type Part } from './part.ts'
import { openPgledgerRebuilt } from './pgledger/rebuilt.ts'
import { openSevenStatements } from './seven-statements.ts'
import { openTwoEntries } from './two-entries.ts'

const CALLERS = [16, 64] as const
const exact = (callers: number) => `exact, ${callers} callers`
const sharded = (callers: number) => `sharded:16, ${callers} callers`
const batcher = (callers: number) => `exact through the batcher, ${callers} callers`
const SEVEN = 'seven-statement Kysely transaction, 16 callers'
const PGLEDGER = 'pgledger, rebuilt faithfully, 16 callers'
const TWO = 'two-entry design, idealised: the leanest we could write, 16 callers'

/** Everybody pays one account: exact, in parts, and through the batcher. */
export const hot: Part = async (context, server) => {
  const accounts = accountsFor(context)
  const ours = await openOurs({ serverUrl: server.url, accounts })
  const exactly = toHot(accounts, await addHotAccount(ours, 'exact'))
  const inParts = toHot(accounts, await addHotAccount(ours, 'sharded:16'))
  const seven = await openSevenStatements({ serverUrl: server.url, accounts, connections: 16 })
  const pgledger = await openPgledgerRebuilt(server.url, accounts, 16)
  const two = await openTwoEntries(server.url, accounts, 16)
  const toFirst = toHot(accounts, 0)
  const batchers: ReturnType<OurWorld['ledger']['batcher']>[] = []
  const cases: Case[] = CALLERS.flatMap((callers) => {
    const db = kyselyOf(preparedStatements(ours.pool(callers)))
    const lanes = ours.ledger.batcher(db)
    batchers.push(lanes)
    return [
      singleCalls({ name: exact(callers), world: ours, move: exactly }, db, callers),
      singleCalls({ name: sharded(callers), world: ours, move: inParts }, db, callers),
      batchedCalls({ name: batcher(callers), world: ours, move: exactly }, lanes, callers),
    ]
  })
  cases.push(
    { name: SEVEN, callers: 16, world: seven, call: () => seven.transfer(toFirst()) },
    { name: PGLEDGER, callers: 16, world: pgledger, call: () => pgledger.transfer(toFirst()) },
    { name: TWO, callers: 16, world: two, call: () => two.transfer(toFirst()) },
  )
  const measured = await inRounds(context, 'hot', cases, roundsOf(context))
  for (const each of batchers) await each.close()
  await Promise.all([ours.close(), seven.close(), pgledger.close(), two.close()])
  const compare = (over: string, under: string, name: string): Row =>
    ratioRow(name, of(measured, over), of(measured, under))
  const ratios = CALLERS.flatMap((callers) => [
    compare(sharded(callers), exact(callers), `sharded:16 ÷ exact, ${callers} callers`),
    compare(batcher(callers), exact(callers), `batcher ÷ exact, ${callers} callers`),
  ])
  ratios.push(
    compare(exact(16), SEVEN, 'exact ÷ seven statements, 16 callers'),
    compare(exact(16), PGLEDGER, 'exact ÷ pgledger, rebuilt, 16 callers'),
    compare(exact(16), TWO, 'exact ÷ two-entry design, idealised, 16 callers'),
  )
  return {
    sections: [
      {
        title: 'hot account, credited by everybody',
        note: 'Transfers a second into one account without limits; its payers are random.',
        rows: cases.map(({ name }) => rateRow(of(measured, name))),
      },
      { title: 'hot account, compared', rows: ratios },
      {
        title: 'hot account, time of one call',
        rows: [exact(16), sharded(16), batcher(16), SEVEN].flatMap((name) =>
          [0.5, 0.99].map((q) => latencyRow(of(measured, name), q)),
        ),
      },
    ],
    claims: claimsOf(ratios),
    faults: faultsOf(measured),
  }
}

const roundsOf = (context: Context) =>
  context.quick ? { rounds: 1, sliceMs: 200 } : { rounds: 7, sliceMs: 1000 }

function claimsOf(ratios: readonly Row[]): Claim[] {
  const [shardedAt16, batcherAt16, shardedAt64, batcherAt64] = ratios.map((row) => row.median)
  const text = 'on one hot account'
  return [
    atLeast('e-sharded-16', 4, shardedAt16 ?? 0, `sharded:16 ÷ exact ${text}, 16 callers`),
    atLeast('e-batcher-16', 6, batcherAt16 ?? 0, `batcher ÷ exact ${text}, 16 callers`),
    atLeast('e-sharded-64', 4, shardedAt64 ?? 0, `sharded:16 ÷ exact ${text}, 64 callers`),
    atLeast('e-batcher-64', 6, batcherAt64 ?? 0, `batcher ÷ exact ${text}, 64 callers`),
  ]
}
