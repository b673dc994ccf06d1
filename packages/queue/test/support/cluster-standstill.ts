// What a cluster test says when it waited in vain: where every message is that has not had its effect, and
// what the bus, the database and the broker know at that moment.
import { inspect } from 'node:util'
import { sql } from 'kysely'
import type { RabbitCluster } from '@payflow/testkit'
import type { Bus, BusEvent } from '../../src/index.ts'
import type { World } from './world.ts'

/** What happened in a bus, and when. */
export interface TimedEvent {
  readonly at: Date
  readonly event: BusEvent
}

interface Scene {
  readonly bus: Bus
  readonly world: World
  readonly cluster: RabbitCluster
  /** Texts without their effect. */
  readonly missing: readonly string[]
  readonly events: readonly TimedEvent[]
}

const SHOWN_MAX = 20
const EVENTS_MAX = 60
/** What rabbitmqctl is asked to list. */
const LISTS: readonly (readonly [command: string, columns: string])[] = [
  ['list_queues', 'name state leader online messages_ready messages_unacknowledged consumers'],
  ['list_consumers', 'queue_name channel_pid prefetch_count active activity_status'],
  ['list_channels', 'pid connection number messages_unacknowledged messages_unconfirmed'],
]

/** For an error's message. Never throws: what can't be found out is said. */
export async function describeStandstill(scene: Scene): Promise<string> {
  const { bus, world, cluster, missing, events } = scene
  const direct = missing.filter((text) => text.includes(' direct '))
  const parts: [what: string, facts: () => unknown][] = [
    ['missing', () => ({ direct: direct.length, outbox: missing.length - direct.length })],
    ['the first of them', () => missing.slice(0, SHOWN_MAX)],
    ['what the outbox says of them', () => outboxRows(world, missing)],
    ['what the inbox says of the consumers', () => inboxCounts(world)],
    ['partitions', () => partitions(world)],
    ['now', () => new Date().toISOString()],
    ['health', () => bus.health()],
    ['the last events', () => lastEvents(events)],
    ...cluster.nodes.map((node): [string, () => unknown] => [
      node.nodeName,
      async () => {
        const tables = await Promise.all(
          LISTS.map(([command, columns]) =>
            node.ctl(command, '-q', ...columns.split(' ')).catch(String),
          ),
        )
        return tables.join('')
      },
    ]),
  ]
  const texts: string[] = []
  for (const [what, facts] of parts) {
    const said = await Promise.resolve()
      .then(facts)
      .catch((error: unknown) => `not known: ${String(error)}`)
    const text = typeof said === 'string' ? said : inspect(said, { depth: 6, breakLength: 110 })
    texts.push(`--- ${what}\n${text}`)
  }
  return texts.join('\n')
}

async function outboxRows(world: World, missing: readonly string[]): Promise<unknown> {
  const { rows } = await sql`
    select seq, id, key, partition, state, attempts, claimed_at, settled_at, last_error,
      exists (select 1 from queue.inbox i where i.message_id = o.id) as handled
    from queue.outbox o
    where convert_from(payload, 'UTF8')::jsonb ->> 'text' = any (${missing})
    order by seq limit ${SHOWN_MAX}`.execute(world.db)
  return rows
}

async function inboxCounts(world: World): Promise<unknown> {
  const { rows } = await sql`
    select consumer, count(*), max(committed_at) as last, now() from queue.inbox
    group by consumer`.execute(world.db)
  return rows
}

async function partitions(world: World): Promise<unknown> {
  const { rows } = await sql`
    select id, owner, epoch, leased_until > now() as leased from queue.partition
    order by id`.execute(world.db)
  return rows
}

/** Of the bus as a whole: what happens to single messages would hide it. */
function lastEvents(events: readonly TimedEvent[]): unknown {
  return events
    .filter(({ event }) => !/^(message\.(committed|duplicate)|relay\.confirmed)$/.test(event.type))
    .slice(-EVENTS_MAX)
    .map(({ at, event }) => {
      const text = inspect(event, { depth: 1, breakLength: Infinity })
      return `${at.toISOString()} ${text.slice(0, 250)}`
    })
}
