import { SERVICE_NAMES } from '@payflow-app/stack'
import type { Bench, Context } from '../lib/context.ts'
import { load, type Slice } from '../lib/load.ts'
import { atLeast, atMost, type Claim, type Row, type Section } from '../lib/result.ts'
import { quantile, ratios, spread } from '../lib/stats.ts'
import { type Hop, type Party, type Payment, Town } from './town.ts'

const CLIENTS = [1, 8, 16, 64] as const
const TARGET_CLIENTS = 8

/** The way of a payment, as each service measures its part of it. */
const HOPS = [
  ['gateway', '/api/transactions', 'gateway: POST /api/transactions'],
  ['transaction', '/transactions', '  transaction-service: POST /transactions'],
  ['wallet', '/wallets/holds', '    wallet-service: POST /wallets/holds'],
  ['wallet', '/wallets/transfer', 'worker → wallet-service: POST /wallets/transfer'],
] as const

const PARTIES: readonly Party[] = [...SERVICE_NAMES, 'postgres', 'rabbitmq', 'redis', 'load']

/** Some seconds of payments, and their end. */
interface Round {
  readonly accepted: Slice
  readonly looks: Slice
  /** From the last answer until no payment was PENDING. */
  readonly drainSeconds: number
  readonly completedPerSecond: number
  /** From asking to the transaction that completed it, of each payment. */
  readonly completedMs: readonly number[]
  readonly dispatchMs: readonly number[]
  readonly executeMs: readonly number[]
  /** Processor milliseconds a payment. */
  readonly cpuMs: ReadonlyMap<Party, number | undefined>
  /** Mean milliseconds of each hop. */
  readonly hopMs: readonly number[]
}

/** All of PayFlow: how many payments a second, how long each takes, and where the time goes. */
export const payflow: Bench = {
  about:
    'All of PayFlow on one machine, with its three servers and whoever pays: how many payments a second are accepted and completed, how long does each take, and where does the time go?',
  takes: 'about four minutes',
  async run(context) {
    const { rounds, sliceMs, clients } = context.quick
      ? { rounds: 1, sliceMs: 1_000, clients: [1, 8] as readonly number[] }
      : { rounds: 3, sliceMs: 8_000, clients: CLIENTS as readonly number[] }
    await using town = await Town.open(context, Math.max(...clients, 2))
    // Until V8 has compiled what it will, and each connection has its plans.
    context.say('warming up')
    await round(town, Math.max(...clients), sliceMs)
    const measured = new Map(clients.map((count): [number, Round[]] => [count, []]))
    for (let n = 0; n < rounds; n += 1) {
      for (const count of n % 2 === 0 ? clients : clients.toReversed()) {
        const one = await round(town, count, sliceMs)
        measured.get(count)?.push(one)
        say(context, count, one)
      }
    }
    await town.told()
    context.say('the auditor reads the databases')
    const faults = await town.faults()
    for (const each of [...measured.values()].flat()) {
      faults.push(...[...each.accepted.errors].map(([error, times]) => `${times} × ${error}`))
    }
    return findings(measured, faults)
  },
}

async function round(town: Town, clients: number, ms: number): Promise<Round> {
  const look = async (person: number) => (await town.look(person), 1)
  const looks = await load({ name: 'look', callers: clients, call: look }, ms / 4)
  const payments: Payment[] = []
  let turn = 0
  const call = async (person: number) => {
    payments.push(await town.pay(person, (turn += 1)))
    return 1
  }
  const before = { cpu: town.cpu(), hops: await hops(town) }
  const startedAt = performance.now()
  const accepted = await load({ name: 'pay', callers: clients, call }, ms)
  const answeredAt = performance.now()
  await town.ended()
  const endedAt = performance.now()
  await town.told()
  const after = { cpu: town.cpu(), hops: await hops(town) }
  const sent = new Map(payments.map(({ id, sentAtMs }) => [id, sentAtMs]))
  const times = await town.timesOf([...sent.keys()])
  const cpuMs = PARTIES.map((party): [Party, number | undefined] => {
    const [from, to] = [before.cpu.get(party), after.cpu.get(party)]
    const used = from === undefined || to === undefined ? undefined : to - from
    return [party, used === undefined ? undefined : (1_000 * used) / accepted.done]
  })
  return {
    accepted,
    looks,
    drainSeconds: (endedAt - answeredAt) / 1_000,
    completedPerSecond: accepted.done / ((endedAt - startedAt) / 1_000),
    completedMs: times.map(({ id, completedAtMs }) => completedAtMs - (sent.get(id) ?? 0)),
    dispatchMs: times.map(({ createdAtMs, dispatchedAtMs }) => dispatchedAtMs - createdAtMs),
    executeMs: times.map(({ completedAtMs, dispatchedAtMs }) => completedAtMs - dispatchedAtMs),
    cpuMs: new Map(cpuMs),
    hopMs: after.hops.map((hop, index) => meanMs(before.hops[index], hop)),
  }
}

const hops = (town: Town): Promise<Hop[]> =>
  Promise.all(HOPS.map(([name, route]) => town.hop(name, route)))

const meanMs = (before: Hop | undefined, after: Hop): number =>
  (1_000 * (after.seconds - (before?.seconds ?? 0))) / (after.count - (before?.count ?? 0))

function say(context: Context, clients: number, one: Round): void {
  const [accepted, completed] = [one.accepted.perSecond, one.completedPerSecond].map(Math.round)
  const p99 = Math.round(quantileOf(one.accepted.callMs, 0.99))
  context.say(`${clients} clients: ${accepted}/s accepted, ${completed}/s completed, p99 ${p99} ms`)
}

const quantileOf = (values: readonly number[], q: number): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    q,
  )

function findings(measured: ReadonlyMap<number, readonly Round[]>, faults: readonly string[]) {
  const correct = faults.length === 0 ? 'each ended once, books add up' : `✗ ${faults[0]}`
  const sections = [...measured].flatMap(([clients, rounds]) => [
    speed(clients, rounds, correct),
    ...(clients === TARGET_CLIENTS ? [whereTimeGoes(clients, rounds)] : []),
  ])
  const costs: Section = {
    title: 'processor time of a payment',
    note: 'Milliseconds of processor time a payment, until both parties have been told of its end by a notification and by a mail; the load is this process, which asks. 8 clients.',
    rows: costRows(measured.get(TARGET_CLIENTS) ?? []),
  }
  return { sections: [...sections, costs], claims: claimsOf(measured), faults }
}

function speed(clients: number, rounds: readonly Round[], correct: string): Section {
  const of = (pick: (round: Round) => number) => spread(rounds.map(pick))
  const p = (pick: (round: Round) => readonly number[], q: number) =>
    of((round) => quantileOf(pick(round), q))
  const accept = ({ accepted }: Round) => accepted.callMs
  const complete = ({ completedMs }: Round) => completedMs
  const looks = ({ looks: { perSecond } }: Round) => perSecond
  const rows: Row[] = [
    { case: 'accepted', unit: '/s', ...of(({ accepted }) => accepted.perSecond), correct },
    { case: 'completed, the backlog drained', unit: '/s', ...of((r) => r.completedPerSecond) },
    { case: 'time to drain', unit: 's', ...of(({ drainSeconds }) => drainSeconds) },
    { case: 'p50 until accepted', unit: 'ms', ...p(accept, 0.5) },
    { case: 'p99 until accepted', unit: 'ms', ...p(accept, 0.99) },
    { case: 'p50 until COMPLETED', unit: 'ms', ...p(complete, 0.5) },
    { case: 'p99 until COMPLETED', unit: 'ms', ...p(complete, 0.99) },
    { case: 'bare route (GET /api/wallets/me)', unit: '/s', ...of(looks) },
    {
      case: 'bare route ÷ accepted payments',
      unit: '×',
      ...spread(
        ratios(
          rounds.map(looks),
          rounds.map(({ accepted }) => accepted.perSecond),
        ),
      ),
    },
  ]
  const title = clients === 1 ? '1 client' : `${clients} clients`
  return { title, rows }
}

function whereTimeGoes(clients: number, rounds: readonly Round[]): Section {
  const rows: Row[] = HOPS.map(([, , name], index) => ({
    case: name,
    unit: 'ms',
    ...spread(rounds.map(({ hopMs }) => hopMs[index] ?? Number.NaN)),
  }))
  const p50 = (pick: (round: Round) => readonly number[]) =>
    spread(rounds.map((round) => quantileOf(pick(round), 0.5)))
  rows.push(
    { case: 'outbox: written → confirmed', unit: 'ms', ...p50(({ dispatchMs }) => dispatchMs) },
    { case: 'queue: confirmed → completed', unit: 'ms', ...p50(({ executeMs }) => executeMs) },
  )
  const note = `Means of the services' own histograms; the last two are medians, from the times in the database. A negative one: the worker was faster than the note that the broker has it.`
  return { title: `${clients} clients, where the time goes`, note, rows }
}

function costRows(rounds: readonly Round[]): Row[] {
  const costs = PARTIES.map((party): [Party, number[]] => [
    party,
    rounds.flatMap(({ cpuMs }) => cpuMs.get(party) ?? []),
  ])
  const rows = costs
    .filter(([, values]) => values.length > 0)
    .map(([party, values]): Row => ({ case: party, unit: 'ms', ...spread(values) }))
  const all = rounds.map(({ cpuMs }) =>
    [...cpuMs.values()].reduce((a: number, b) => a + (b ?? 0), 0),
  )
  return [...rows, { case: 'all', unit: 'ms', ...spread(all) }]
}

function claimsOf(measured: ReadonlyMap<number, readonly Round[]>): Claim[] {
  const rounds = measured.get(TARGET_CLIENTS) ?? []
  const p99 = spread(rounds.map(({ accepted }) => quantileOf(accepted.callMs, 0.99))).median
  const best = Math.max(
    ...[...measured.values()].map(
      (each) => spread(each.map(({ completedPerSecond }) => completedPerSecond)).median,
    ),
  )
  return [
    atMost('accept-p99', 50, p99, 'p99 until accepted, in ms, 8 clients'),
    atLeast('completed', 300, best, 'payments a second, accepted and completed, backlog drained'),
  ]
}
