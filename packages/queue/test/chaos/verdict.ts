import { connect } from 'amqplib'
import type { Channel } from 'amqplib'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Ended } from './fleet.ts'

/** What is left at the end, compared with what was committed. Only the first three may be large. */
export interface Verdict {
  /** Messages that the outbox committed. */
  readonly messages: number
  readonly effects: number
  /** Messages meant to be parked, and in the parking queue. */
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
  readonly names: { readonly moves: string; readonly notes: string; readonly observer: string }
  readonly ended: readonly Ended[]
}

/** Whether nothing is wrong. */
export function isRight({ messages, effects, parked, ...wrong }: Verdict): boolean {
  return messages === effects + parked && Object.values(wrong).every((n) => n === 0)
}

/** Counts; nothing is left out. */
export async function judge({ db, broker, names, ended }: Evidence): Promise<Verdict> {
  const { moves, notes, observer } = names
  const one = async (query: ReturnType<typeof sql<{ n: number }>>): Promise<number> =>
    (await query.execute(db)).rows[0]?.n ?? 0
  const meant = sql`o.type = 'chaos.moved'
    and convert_from(o.payload, 'utf8')::jsonb ->> 'fate' in ('hopeless', 'refused')`
  const consumer = sql`case o.type when 'chaos.moved' then 'move' else 'note' end`
  const doomed = await sql<{ id: string }>`select o.id from queue.outbox o where ${meant}`.execute(
    db,
  )
  const doomedIds = new Set(doomed.rows.map(({ id }) => id))
  const parkedIds = new Set(
    (await broker.take(`${moves}.parked`)).map((message) => String(message.properties.messageId)),
  )
  const observed = await broker.take(observer)
  return {
    messages: await one(sql`select count(*)::integer as n from queue.outbox`),
    effects: await one(sql`select count(*)::integer as n from effect`),
    parked: parkedIds.size,
    lost: await one(sql`select count(*)::integer as n from queue.outbox o where not (${meant})
      and not exists (select 1 from effect e
        where e.message_id = o.id and e.consumer = ${consumer})`),
    doubled: await one(sql`select count(*)::integer as n from (select 1 from effect
      group by consumer, message_id having count(*) > 1) as twice`),
    fromNowhere: await one(sql`select count(*)::integer as n from effect e
      where not exists (select 1 from queue.outbox o where o.id = e.message_id)`),
    misparked:
      [...doomedIds].filter((id) => !parkedIds.has(id)).length +
      [...parkedIds].filter((id) => !doomedIds.has(id)).length +
      (await broker.count([`${notes}.parked`])),
    outOfOrder: outOfOrder(observed.map((message) => JSON.parse(message.content.toString()))),
    unsent: await one(sql`select count(*)::integer as n from queue.outbox where state <> 'sent'`),
    unsettled: await broker.count(
      [moves, notes].flatMap((queue) => [
        queue,
        ...[20, 50, 200].map((ms) => `${queue}.wait.${ms}`),
      ]),
    ),
    unbalanced:
      ended.flatMap(({ consumers }) => consumers).filter(({ counts }) => !addsUp(counts)).length +
      (await one(sql`select count(*)::integer as n from queue.inbox i
        where not exists (select 1 from effect e
          where e.message_id = i.message_id and e.consumer = i.consumer)`)),
  }
}

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
