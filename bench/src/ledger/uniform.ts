import { preparedStatements } from '@payflow/ledger'
import type { Context } from '../lib/context.ts'
import type { Case } from '../lib/load.ts'
import { atLeast, type Claim, type Row } from '../lib/result.ts'
import {
  faultsOf,
  inRounds,
  latencyRow,
  type Measured,
  of,
  rateRow,
  ratioRow,
} from '../lib/rounds.ts'
import { bareTransfer, callBare } from './bare.ts'
import { batchedCalls, manyAtOnce, singleCalls } from './cases.ts'
import { uniform as uniformly } from './moves.ts'
import { kyselyOf, openOurs } from './ours.ts'
import { accountsFor, type Part } from './part.ts'
import { openPgledgerRebuilt } from './pgledger/rebuilt.ts'
import { openSevenStatements } from './seven-statements.ts'
import { openTwoEntries } from './two-entries.ts'

const CALLERS = 16
const PREPARED = 'ledger.transfer, prepared statements'
const PLAIN = 'ledger.transfer, Kysely as it comes'
const BARE = 'the same function by bare pg'
const SEVEN = 'seven-statement Kysely transaction'
const PGLEDGER = 'pgledger, rebuilt faithfully, bare pg'
const TWO = 'two-entry design, idealised: the leanest we could write'
const BATCHER = 'ledger.batcher, the same 16 callers'
const MANY = 'ledger.transferMany(1000), 4 callers'

/** Random accounts: one transfer a call, ours and what else one could call; and many a call. */
export const uniform: Part = async (context, server) => {
  const accounts = accountsFor(context)
  const move = uniformly(accounts)
  const ours = await openOurs({ serverUrl: server.url, accounts })
  const seven = await openSevenStatements({ serverUrl: server.url, accounts, connections: CALLERS })
  const pgledger = await openPgledgerRebuilt(server.url, accounts, CALLERS)
  const two = await openTwoEntries(server.url, accounts, CALLERS)
  const pool = ours.pool(CALLERS)
  const prepared = kyselyOf(preparedStatements(pool))
  const bare = await bareTransfer(ours.ledger, pool, ours.request(move()))
  await using batcher = ours.ledger.batcher(prepared)
  const world = ours
  const cases: Case[] = [
    singleCalls({ name: PREPARED, world, move }, prepared, CALLERS),
    {
      name: BARE,
      callers: CALLERS,
      world,
      call: () => callBare(pool, bare, ours.request(move())),
    },
    singleCalls({ name: PLAIN, world, move }, kyselyOf(pool), CALLERS),
    { name: SEVEN, callers: CALLERS, world: seven, call: () => seven.transfer(move()) },
    { name: PGLEDGER, callers: CALLERS, world: pgledger, call: () => pgledger.transfer(move()) },
    { name: TWO, callers: CALLERS, world: two, call: () => two.transfer(move()) },
    batchedCalls({ name: BATCHER, world, move }, batcher, CALLERS),
    manyAtOnce({ name: MANY, world, move }, prepared, 4, context.quick ? 100 : 1000),
  ]
  const measured = await inRounds(context, 'uniform', cases, rounds(context))
  await batcher.close()
  await Promise.all([ours.close(), seven.close(), pgledger.close(), two.close()])
  const rows = ratiosOf(measured)
  return {
    sections: [
      {
        title: `uniform, ${accounts.toLocaleString('en-US')} accounts, ${CALLERS} callers`,
        note: 'Transfers a second. Each caller awaits its transfer before it asks for the next.',
        rows: cases.map(({ name }) => rateRow(of(measured, name))),
      },
      { title: 'uniform, compared', rows: Object.values(rows) },
      {
        title: 'uniform, time of one call',
        rows: [PREPARED, BARE, SEVEN, PGLEDGER, TWO, BATCHER].flatMap((name) =>
          [0.5, 0.99].map((q) => latencyRow(of(measured, name), q)),
        ),
      },
    ],
    claims: claimsOf(rows),
    faults: faultsOf(measured),
  }
}

export const rounds = (context: Context) =>
  context.quick ? { rounds: 1, sliceMs: 250 } : { rounds: 9, sliceMs: 1200 }

function ratiosOf(measured: Measured) {
  const compare = (over: string, under: string, name: string) =>
    ratioRow(name, of(measured, over), of(measured, under))
  return {
    prepared: compare(PREPARED, BARE, 'transfer, prepared ÷ bare pg'),
    plain: compare(PLAIN, BARE, 'transfer, as it comes ÷ bare pg'),
    seven: compare(PREPARED, SEVEN, 'transfer ÷ seven statements'),
    pgledger: compare(PREPARED, PGLEDGER, 'transfer ÷ pgledger, rebuilt'),
    bares: compare(BARE, PGLEDGER, 'bare pg on both sides: our function ÷ pgledger, rebuilt'),
    two: compare(PREPARED, TWO, 'transfer ÷ two-entry design, idealised'),
    batcher: compare(BATCHER, SEVEN, 'batcher ÷ seven statements'),
    many: compare(MANY, PREPARED, 'transferMany ÷ transfer'),
  } satisfies Record<string, Row>
}

const claimsOf = (rows: ReturnType<typeof ratiosOf>): Claim[] => [
  atLeast(
    'a-prepared',
    0.95,
    rows.prepared.median,
    'one autocommitted transfer ÷ the same function by bare pg, with preparedStatements(pool)',
  ),
  atLeast('a-plain', 0.95, rows.plain.median, 'the same without preparedStatements(pool)'),
  atLeast('b', 4, rows.seven.median, 'transfer ÷ the seven-statement Kysely transaction'),
  atLeast('c', 3, rows.pgledger.median, 'transfer ÷ pgledger, rebuilt faithfully'),
  atLeast(
    'd-batcher',
    8,
    rows.batcher.median,
    'batcher with 16 single callers ÷ the seven-statement transaction',
  ),
  atLeast('d-many', 5, rows.many.median, 'transferMany(1000) ÷ transfer'),
]
