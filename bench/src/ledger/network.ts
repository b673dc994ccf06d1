import { preparedStatements } from '@payflow/ledger'
import type { Context } from '../lib/context.ts'
import type { Case } from '../lib/load.ts'
import { faultsOf, inRounds, of, rateRow, ratioRow } from '../lib/rounds.ts'
import { openSlowNetwork } from '../lib/slow-network.ts'
import { singleCalls } from './cases.ts'
import { toHot, uniform } from './moves.ts'
import { addHotAccount, kyselyOf, openOurs } from './ours.ts'
import { accountsFor, type Part } from './part.ts'
import { openSevenStatements } from './seven-statements.ts'

const CALLERS = 16
const OURS = 'ledger.transfer, uniform'
const SEVEN = 'seven statements, uniform'
const OURS_HOT = 'ledger.transfer, hot account'
const SEVEN_HOT = 'seven statements, hot account'

/** A round trip of a millisecond more: what is lost on loopback, where round trips are nearly free. */
export const network: Part = async (context, server) => {
  const accounts = accountsFor(context)
  const slow = await openSlowNetwork(server.port, 1)
  const via = (url: string): string => {
    const there = new URL(url)
    there.port = String(slow.port)
    return there.href
  }
  const ours = await openOurs({ serverUrl: server.url, accounts })
  const seven = await openSevenStatements({
    serverUrl: server.url,
    accounts,
    connections: CALLERS,
    via,
  })
  const db = kyselyOf(preparedStatements(ours.pool(CALLERS, undefined, via(ours.database.url))))
  const uniformly = uniform(accounts)
  const hotly = toHot(accounts, await addHotAccount(ours, 'exact'))
  const toFirst = toHot(accounts, 0)
  const cases: Case[] = [
    singleCalls({ name: OURS, world: ours, move: uniformly }, db, CALLERS),
    { name: SEVEN, callers: CALLERS, world: seven, call: () => seven.transfer(uniformly()) },
    singleCalls({ name: OURS_HOT, world: ours, move: hotly }, db, CALLERS),
    { name: SEVEN_HOT, callers: CALLERS, world: seven, call: () => seven.transfer(toFirst()) },
  ]
  const measured = await inRounds(context, 'network', cases, roundsOf(context))
  await Promise.all([ours.close(), seven.close()])
  await slow.close()
  return {
    sections: [
      {
        title: 'a network of a millisecond, 16 callers',
        note: 'Every round trip takes at least a millisecond longer, by a relay on the same machine. A locked row stays locked for the round trips that its transaction still has to make.',
        rows: [
          ...cases.map(({ name }) => rateRow(of(measured, name))),
          ratioRow('uniform: transfer ÷ seven statements', of(measured, OURS), of(measured, SEVEN)),
          ratioRow(
            'hot account: transfer ÷ seven statements',
            of(measured, OURS_HOT),
            of(measured, SEVEN_HOT),
          ),
        ],
      },
    ],
    claims: [],
    faults: faultsOf(measured),
  }
}

const roundsOf = (context: Context) =>
  context.quick ? { rounds: 1, sliceMs: 200 } : { rounds: 5, sliceMs: 1200 }
