import { between, pause, shuffled, waitFor } from '@payflow/testkit'
import type { Random, Server } from '@payflow/testkit'
import type { Role } from './child.ts'
import type { Fleet } from './fleet.ts'
import type { Tally } from './tally.ts'

/** What can be treated badly. */
export interface Victims {
  readonly fleet: Fleet
  readonly postgres: Server
  readonly rabbitmq: Server
  readonly tally: Tally
  readonly random: Random
}

type Fault = (victims: Victims) => Promise<void>

const points: readonly (readonly [Role, string])[] = [
  ['worker', 'consumer.received'],
  ['worker', 'handler.worked'],
  ['worker', 'consumer.recorded'],
  ['worker', 'consumer.committed'],
  ['worker', 'consumer.acked'],
  ['worker', 'consumer.decided'],
  ['relay', 'relay.claimed'],
  ['relay', 'relay.confirmed'],
  ['relay', 'relay.marked'],
  ['writer', 'writer.written'],
  ['writer', 'writer.committed'],
]
const roles = ['worker', 'relay', 'writer'] as const

/** Every fault once: a round. */
export const faults: readonly Fault[] = [
  ...points.map(([role, point]) => killAt(role, point)),
  ...roles.map((role) => killAnytime(role)),
  ...roles.map((role) => freezeProcess(role)),
  postgresKilled,
  postgresFrozen,
  rabbitmqFrozen,
  rabbitmqKilled,
  allAtOnce,
]

/** Rounds of every fault, each round in another order, cut off at `count`. */
export function plan(random: Random, count: number): Fault[] {
  const planned: Fault[] = []
  while (planned.length < count) planned.push(...shuffled(random, faults))
  return planned.slice(0, count)
}

/** A process kills itself at a named point, not always the first time it passes. */
function killAt(role: Role, point: string): Fault {
  return async ({ fleet, random, tally }) => {
    const child = fleet.pick(role, random)
    await child.arm(point, 'kill', { skip: between(random, 0, role === 'relay' ? 3 : 20) })
    let isGone = false
    void child.exited.then(() => (isGone = true))
    // Without traffic nobody passes; then it is killed where it stands.
    const passed = await waitFor(() => isGone, { timeoutMs: 4_000 }).catch(() => false)
    if (!passed) await child.kill()
    tally.fault(passed ? `${role} killed at ${point}` : `${role} killed while waiting at ${point}`)
    await pause(between(random, 0, 300))
    await fleet.replace(role, child)
  }
}

function killAnytime(role: Role): Fault {
  return async ({ fleet, random, tally }) => {
    const child = fleet.pick(role, random)
    await pause(between(random, 0, 200))
    await child.kill()
    tally.fault(`${role} killed`)
    await fleet.replace(role, child)
  }
}

/** Longer than its lease or its heartbeats, often: it goes on as if nothing had happened. */
function freezeProcess(role: Role): Fault {
  return async ({ fleet, random, tally }) => {
    const { pid } = fleet.pick(role, random)
    process.kill(pid, 'SIGSTOP')
    tally.fault(`${role} frozen`)
    await pause(between(random, 200, 6_000))
    process.kill(pid, 'SIGCONT')
  }
}

async function postgresKilled({ postgres, random, tally }: Victims): Promise<void> {
  await postgres.kill()
  tally.fault('PostgreSQL killed')
  await pause(between(random, 0, 1_000))
  await postgres.start()
}

async function postgresFrozen({ postgres, random, tally }: Victims): Promise<void> {
  postgres.freeze()
  tally.fault('PostgreSQL frozen')
  await pause(between(random, 200, 4_000))
  postgres.resume()
}

async function rabbitmqKilled({ rabbitmq, random, tally }: Victims): Promise<void> {
  await rabbitmq.kill()
  tally.fault('RabbitMQ killed')
  await pause(between(random, 0, 1_000))
  await rabbitmq.start()
}

async function rabbitmqFrozen({ rabbitmq, random, tally }: Victims): Promise<void> {
  rabbitmq.freeze()
  tally.fault('RabbitMQ frozen')
  await pause(between(random, 200, 6_000))
  rabbitmq.resume()
}

/** A worker and a relay die while the database is away. */
async function allAtOnce(victims: Victims): Promise<void> {
  const { fleet, random } = victims
  const worker = fleet.pick('worker', random)
  const relay = fleet.pick('relay', random)
  await Promise.all([postgresKilled(victims), worker.kill(), relay.kill()])
  victims.tally.fault('worker killed without PostgreSQL')
  victims.tally.fault('relay killed without PostgreSQL')
  await fleet.replace('worker', worker)
  await fleet.replace('relay', relay)
}
