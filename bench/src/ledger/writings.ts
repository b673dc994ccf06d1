import { preparedStatements } from '@payflow/ledger'
import type { Context } from '../lib/context.ts'
import type { Case } from '../lib/load.ts'
import { faultsOf, inRounds, latencyRow, of, rateRow, ratioRow } from '../lib/rounds.ts'
import { singleCalls } from './cases.ts'
import { uniform } from './moves.ts'
import { kyselyOf, openOurs } from './ours.ts'
import { accountsFor, type Part } from './part.ts'
import { openSevenStatements, withCare, type Writing } from './seven-statements.ts'

const CALLERS = 16
const OURS = 'ledger.transfer, prepared statements'
const CARE = 'seven statements, with care, without foreign keys'
const DEADLOCKS = 'with foreign keys'
const LOCK_FIRST = 'with foreign keys, locks before the insert'
const ROW_BY_ROW = 'the same row by row: nine statements'

const waysToWrite: Readonly<Record<string, Writing>> = {
  [CARE]: withCare,
  [DEADLOCKS]: { ...withCare, foreignKeys: true },
  [LOCK_FIRST]: { ...withCare, foreignKeys: true, lockFirst: true },
  [ROW_BY_ROW]: { foreignKeys: true, lockFirst: true, rowByRow: true },
}

/** The transaction everybody writes, as it is also written. */
export const writings: Part = async (context, server) => {
  const accounts = accountsFor(context)
  const move = uniform(accounts)
  const ours = await openOurs({ serverUrl: server.url, accounts })
  const db = kyselyOf(preparedStatements(ours.pool(CALLERS)))
  const cases: Case[] = [singleCalls({ name: OURS, world: ours, move }, db, CALLERS)]
  const close = [() => ours.close()]
  for (const [name, writing] of Object.entries(waysToWrite)) {
    const options = { serverUrl: server.url, accounts, connections: CALLERS, writing }
    const world = await openSevenStatements(options)
    cases.push({ name, callers: CALLERS, world, call: () => world.transfer(move()) })
    close.push(() => world.close())
  }
  const measured = await inRounds(context, 'writings', cases, roundsOf(context))
  for (const each of close) await each()
  return {
    sections: [
      {
        title: 'the transaction everybody writes, as it is also written',
        note: `Random accounts, ${CALLERS} callers. 40P01 is a deadlock: PostgreSQL looks for one after a second of waiting and ends one of the transactions; the call is not made again here.`,
        rows: [
          ...cases.map(({ name }) => rateRow(of(measured, name))),
          ...Object.keys(waysToWrite).map((name) =>
            ratioRow(`transfer ÷ ${name}`, of(measured, OURS), of(measured, name)),
          ),
          ...[CARE, DEADLOCKS].map((name) => latencyRow(of(measured, name), 0.999)),
        ],
      },
    ],
    claims: [],
    faults: faultsOf(measured),
  }
}

const roundsOf = (context: Context) =>
  context.quick ? { rounds: 1, sliceMs: 200 } : { rounds: 7, sliceMs: 1000 }
