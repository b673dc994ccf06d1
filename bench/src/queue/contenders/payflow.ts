import { createBus, defineMessage } from '@payflow/queue'
import type { BusEvent, Consumer, MessageDefinition } from '@payflow/queue'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { bodySchema } from './contender.ts'
import type { Body, Committed, Contender, Place } from './contender.ts'
import { fillQueue, ready, TYPE } from './rabbit.ts'

/** Published by everybody, handled by ours. */
export const Posted: MessageDefinition<Body, Body> = defineMessage({
  type: TYPE,
  version: 1,
  schema: bodySchema,
  key: (body) => body.account,
})

/** How a consumer of ours is told what to do with its messages. */
type Handle = (consumer: Consumer<any>, seen: (id: string, body: Body) => void) => void

/** Ours: nothing differs but how messages are taken, and what handles them. */
function ours(name: string, about: string, handle: Handle): Contender {
  return {
    name,
    packages: ['@payflow/queue'],
    about,
    fill: fillQueue,
    left: ready,
    async prepare(place) {
      const { bus, close } = open(place, 1)
      await bus.topology.apply()
      await close()
    },
    async work(place, { concurrency, prefetch, batchSize }, committed) {
      const bodies = new Map<string, Body>()
      // A batch is formed while the others commit.
      const connections = batchSize === undefined ? concurrency : concurrency + 1
      const { bus, close } = open(place, connections, counting(bodies, committed))
      const consumer = bus.consumer({
        name: 'bench',
        queue: place.queue,
        messages: [Posted],
        concurrency,
        prefetch,
        ...(batchSize === undefined ? {} : { batch: { size: batchSize } }),
      })
      handle(consumer, (id, body) => bodies.set(id, body))
      await consumer.start()
      return { stop: close }
    },
  }
}

const oneEffect: Handle = (consumer, seen) =>
  consumer.handle(Posted, async ({ id, data }, { trx }) => {
    seen(id, data)
    await sql`insert into effect (message_id, account, amount_minor)
      values (${id}, ${data.account}, ${data.amountMinor})`.execute(trx)
  })

/** Ours, one transaction a message. */
export const payflow: Contender = ours(
  'payflow',
  'bus.consumer, one handler, one transaction a message',
  oneEffect,
)

/** Ours, many messages in a transaction, each with a handler and a subtransaction of its own. */
export const payflowBatch: Contender = ours(
  'payflow, batches',
  'bus.consumer with batch: {}, one handler for each message',
  oneEffect,
)

/** Ours, many messages in a transaction and all effects in one statement. */
export const payflowSets: Contender = ours(
  'payflow, handleBatch',
  'bus.consumer with batch, handleBatch with one statement for all of them',
  (consumer) =>
    consumer.handleBatch(Posted, async (messages, { trx }) => {
      await sql`insert into effect (message_id, account, amount_minor)
        select * from unnest(${messages.map(({ id }) => id)}::text[],
          ${messages.map(({ data }) => data.account)}::text[],
          ${messages.map(({ data }) => data.amountMinor)}::bigint[])`.execute(trx)
    }),
)

const counting =
  (bodies: Map<string, Body>, committed: Committed) =>
  (event: BusEvent): void => {
    if (event.type !== 'message.committed') return
    committed(1, bodies.get(event.messageId))
    bodies.delete(event.messageId)
  }

/** A bus with a pool of its own. */
export function open(
  { databaseUrl, rabbitmqUrl, queue }: Place,
  connections: number,
  onEvent?: (event: BusEvent) => void,
) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections })
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  const bus = createBus<any>({
    broker: { url: rabbitmqUrl },
    db,
    source: 'bench',
    topology: { exchange: `${queue}.exchange`, bindings: [{ queue, types: [TYPE] }] },
    onEvent,
  })
  const close = async (): Promise<void> => {
    await bus.drain()
    await db.destroy()
  }
  return { bus, db, close }
}
