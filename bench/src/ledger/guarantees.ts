import { preparedStatements } from '@payflow/ledger'
import type { Server } from '@payflow/testkit'
import type { Context } from '../lib/context.ts'
import type { Case } from '../lib/load.ts'
import type { Row } from '../lib/result.ts'
import { faultsOf, inRounds, of, rateRow, ratioRow } from '../lib/rounds.ts'
import { ratios, spread } from '../lib/stats.ts'
import { bareTransfer } from './bare.ts'
import { singleCalls } from './cases.ts'
import { type Inside, openInside } from './inside.ts'
import { uniform } from './moves.ts'
import { kyselyOf, openOurs, type OurWorld } from './ours.ts'
import { accountsFor, type Part } from './part.ts'
import { SHIPPED, type Variant, VARIANTS } from './variants.ts'

const CALLERS = 16

interface Opened {
  readonly variant: Variant
  readonly ours: OurWorld
  readonly work: Case
  readonly inside: Inside
}

/** What each guarantee costs: the ledger beside itself without it. */
export const guarantees: Part = async (context, server) => {
  const opened: Opened[] = []
  const variants = [SHIPPED, ...VARIANTS].slice(0, context.quick ? 3 : undefined)
  for (const variant of variants) opened.push(await open(context, server, variant))
  const micros = await insideInRounds(context, opened)
  const measured = await inRounds(
    context,
    'guarantees',
    opened.map(({ work }) => work),
    context.quick ? { rounds: 1, sliceMs: 150 } : { rounds: 7, sliceMs: 800 },
  )
  await Promise.all(opened.map(({ ours }) => ours.close()))
  const names = opened.map(({ variant }) => variant.name)
  const series = (name: string) => micros.get(name) ?? []
  const shipped = series(SHIPPED.name)
  const insideRows = names.map((name): Row => ({ case: name, unit: 'µs', ...spread(series(name)) }))
  const shares = names.slice(1).map((name): Row => ({
    case: `${name} ÷ as shipped`,
    unit: '× time',
    ...spread(ratios(series(name), shipped)),
  }))
  return {
    sections: [
      {
        title: 'what each guarantee costs, inside PostgreSQL',
        note: 'Time of the function alone: one connection, a loop inside the server, a commit for each transfer without waiting for its flush.',
        rows: [...insideRows, ...shares],
      },
      {
        title: `what each guarantee costs, for ${CALLERS} callers`,
        note: 'The same from Node. The ratios are throughput without the guarantee over throughput as shipped: 1.05 is 5 % paid for it.',
        rows: [
          ...names.map((name) => rateRow(of(measured, name))),
          ...names
            .slice(1)
            .map((name) =>
              ratioRow(`${name} ÷ as shipped`, of(measured, name), of(measured, SHIPPED.name)),
            ),
        ],
      },
    ],
    claims: [],
    faults: faultsOf(measured),
  }
}

async function open(context: Context, server: Server, variant: Variant): Promise<Opened> {
  const accounts = accountsFor(context)
  const ours = await openOurs({ serverUrl: server.url, accounts, change: variant.change })
  const pool = ours.pool(CALLERS)
  const move = uniform(accounts)
  const bare = await bareTransfer(ours.ledger, pool, ours.request(move()))
  // Without hashes, or with guards switched off, verify finds just that.
  const world = variant === SHIPPED ? ours : unverified(ours)
  return {
    variant,
    ours,
    work: singleCalls(
      { name: variant.name, world, move },
      kyselyOf(preparedStatements(pool)),
      CALLERS,
    ),
    inside: await openInside(ours, bare),
  }
}

const unverified = ({ verify: _verify, ...world }: OurWorld): OurWorld => ({
  ...world,
  compared: 'Σ = 0, rows = calls',
})

async function insideInRounds(
  context: Context,
  opened: readonly Opened[],
): Promise<ReadonlyMap<string, number[]>> {
  const rounds = context.quick ? 1 : 9
  const transfers = context.quick ? 200 : 2500
  const micros = new Map<string, number[]>(opened.map(({ variant }) => [variant.name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { variant, inside } of round % 2 === 0 ? opened : opened.toReversed()) {
      micros.get(variant.name)?.push(await inside.micros(transfers))
    }
    context.say(`guarantees inside PostgreSQL, round ${round + 1} of ${rounds}`)
  }
  return micros
}
