import { connect } from 'amqplib'
import type { Channel } from 'amqplib'
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { Ended } from './fleet.ts'

/** What is left at the end, compared with what was committed. After the first four comes what is wrong. */
export interface Verdict {
  /** Messages that the outbox committed. */
  readonly messages: number
  readonly effects: number
  /** Effects there should be. */
  readonly expected: number
  /** Messages meant to be parked, and in the parking queues. */
  readonly parked: number
  /** Committed, without an effect. */
  readonly lost: number
  /** With more than one effect. */
  readonly doubled: number
  /** Effects of what nobody committed. */
  readonly fromNowhere: number
  /** Parked without reason, or not parked with reason. */
  readonly misparked: number
  /** Keys of which a later message left the outbox before an earlier one. */
  readonly outOfOrder: number
  /** Keys whose messages the consumer with order handled in another order. */
  readonly outOfLine: number
  /** Outbox rows that are neither sent nor meant to stay. */
  readonly unsent: number
  /** Messages in work or wait queues after the consumers ended: they were never settled. */
  readonly unsettled: number
  /** Consumers whose counters don't add up, and inbox rows without an effect. */
  readonly unbalanced: number
}

export interface Evidence {
  readonly db: Kysely<any>
  readonly broker: Broker
  readonly names: Readonly<Record<'moves' | 'notes' | 'tallies' | 'line' | 'observer', string>>
  readonly ended: readonly Ended[]
}

/** Whether nothing is wrong. */
export function isRight({
  messages,
  effects,
  expected,
  parked: _parked,
  ...wrong
}: Verdict): boolean {
  return messages > 0 && effects === expected && Object.values(wrong).every((n) => n === 0)
}

/** Counts; nothing is left out. */
export async function judge({ db, broker, names, ended }: Evidence): Promise<Verdict> {
  const { moves, notes, tallies, line, observer } = names
  const one = async (query: RawBuilder<{ n: number }>): Promise<number> =>
    (await query.execute(db)).rows[0]?.n ?? 0
  const doomed = await sql<{ id: string }>`select o.id from queue.outbox o
    where ${isDoomed}`.execute(db)
  const ids = new Set(doomed.rows.map(({ id }) => id))
  const parked = await Promise.all([moves, tallies, line].map((queue) => parkedIn(broker, queue)))
  const observed = await broker.take(observer)
  return {
    messages: await one(sql`select count(*)::integer as n from queue.outbox`),
    effects: await one(sql`select count(*)::integer as n from effect`),
    expected: await one(sql`select count(*)::integer as n ${due}`),
    parked: ids.size,
    lost: await one(sql`select count(*)::integer as n ${due} and not exists (
      select 1 from effect e where e.message_id = o.id and e.consumer = c.consumer)`),
    doubled: await one(sql`select count(*)::integer as n from (select 1 from effect
      group by consumer, message_id having count(*) > 1) as twice`),
    fromNowhere: await one(sql`select count(*)::integer as n from effect e
      where not exists (select 1 from queue.outbox o where o.id = e.message_id)`),
    misparked:
      parked.reduce((sum, some) => sum + differences(ids, some), 0) +
      (await broker.count([`${notes}.parked`])),
    outOfOrder: outOfOrder(observed.map((message) => JSON.parse(message.content.toString()))),
    outOfLine: await one(outOfLine),
    unsent: await one(sql`select count(*)::integer as n from queue.outbox where state <> 'sent'`),
    unsettled: await broker.count([...[moves, notes, tallies].flatMap(withWaiting), line]),
    unbalanced:
      ended.flatMap(({ consumers }) => consumers).filter(({ counts }) => !addsUp(counts)).length +
      (await one(sql`select count(*)::integer as n from queue.inbox i
        where not exists (select 1 from effect e
          where e.message_id = i.message_id and e.consumer = i.consumer)`)),
  }
}

const isDoomed = sql`o.type = 'chaos.moved'
  and convert_from(o.payload, 'utf8')::jsonb ->> 'fate' in ('hopeless', 'refused')`

/** Every effect there should be. */
const due = sql`from queue.outbox o
  join (values ('chaos.moved', 'move'), ('chaos.moved', 'tally'), ('chaos.moved', 'line'),
    ('chaos.noted', 'note')) as c (type, consumer) on c.type = o.type
  where not (${isDoomed})`

/** Keys of which the consumer with order handled a later message before an earlier one. */
const outOfLine = sql<{ n: number }>`select count(distinct key)::integer as n
  from (select key, n, lag(n) over (partition by key order by seq) as before
    from effect where consumer = 'line') as handled
  where n < before`

const withWaiting = (queue: string): string[] => [
  queue,
  ...[20, 50, 200].map((delayMs) => `${queue}.wait.${delayMs}`),
]

async function parkedIn(broker: Broker, queue: string): Promise<Set<string>> {
  const messages = await broker.take(`${queue}.parked`)
  return new Set(messages.map((message) => String(message.properties.messageId)))
}

const differences = (ones: ReadonlySet<string>, others: ReadonlySet<string>): number =>
  [...ones].filter((id) => !others.has(id)).length +
  [...others].filter((id) => !ones.has(id)).length

function addsUp(counts: Ended['consumers'][number]['counts']): boolean {
  const { delivered, committed, duplicate, retried, parked, released, abandoned, inFlight } = counts
  const settled = committed + duplicate + retried + parked + released + abandoned
  return inFlight === 0 && delivered === settled
}

/** Copies of what was seen before are allowed; a first sight must be the next of its key. */
function outOfOrder(steps: readonly { key: string; n: number; fate: string }[]): number {
  const last = new Map<string, number>()
  const wrong = new Set<string>()
  for (const { key, n } of steps) {
    const before = last.get(key) ?? 0
    if (n === before + 1) last.set(key, n)
    else if (n > before) wrong.add(key)
  }
  return wrong.size
}

/** A look into the queues. */
export interface Broker extends AsyncDisposable {
  /** Takes out all that a queue holds, in order. */
  take(queue: string): Promise<Taken[]>
  count(queues: readonly string[]): Promise<number>
}

type Taken = NonNullable<Parameters<Parameters<Channel['consume']>[1]>[0]>

export async function openBroker(url: string): Promise<Broker> {
  const connection = await connect(url, { noDelay: true })
  const channel = await connection.createChannel()
  await channel.prefetch(1_000)
  return {
    async take(queue) {
      const { messageCount } = await channel.checkQueue(queue)
      const taken: Taken[] = []
      if (messageCount === 0) return taken
      const all = Promise.withResolvers<void>()
      const { consumerTag } = await channel.consume(queue, (message) => {
        if (message === null) return all.reject(new Error(`the broker cancelled ${queue}`))
        taken.push(message)
        channel.ack(message)
        if (taken.length === messageCount) all.resolve()
      })
      await all.promise
      await channel.cancel(consumerTag)
      return taken
    },
    async count(queues) {
      let sum = 0
      for (const queue of queues) sum += (await channel.checkQueue(queue)).messageCount
      return sum
    },
    async [Symbol.asyncDispose]() {
      await connection.close()
    },
  }
}
