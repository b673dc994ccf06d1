import { connect } from 'amqplib'
import type { ConfirmChannel } from 'amqplib'
import pg from 'pg'
import type { Contender, Message, Place } from './contender.ts'
import { open, payflow } from './payflow.ts'
import { properties, queueHolds, TYPE } from './rabbit.ts'

/** Ours: the outbox is full already, and all of it is to be sent and marked. */
export const relay: Contender = {
  name: 'payflow relay',
  packages: ['@payflow/queue'],
  about: 'bus.relay: leases, order per key, claimed, published, confirmed, marked',
  prepare: payflow.prepare,
  fill: fillOutbox,
  left: pending,
  check: queueHolds,
  async work(place, { concurrency }, committed) {
    const { bus, close } = open(place, 4, (event) => {
      if (event.type === 'relay.confirmed') committed(event.rows)
    })
    bus.relay({ batchSize: concurrency }).start()
    return { stop: close }
  },
}

/** What most people write. */
export const relayByHand: Contender = {
  name: 'relay by hand',
  packages: ['amqplib', 'pg'],
  about:
    'in one transaction: SELECT … FOR UPDATE SKIP LOCKED, publish, wait for the confirms, UPDATE. No order per key, a transaction open while the broker is waited for',
  prepare: payflow.prepare,
  fill: fillOutbox,
  left: pending,
  check: queueHolds,
  async work({ databaseUrl, rabbitmqUrl, queue }, { concurrency }, committed) {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    const connection = await connect(rabbitmqUrl, { noDelay: true })
    const channel = await connection.createConfirmChannel()
    const relaying = (async () => {
      for (let sent = -1; sent !== 0;) {
        sent = await sendSome(client, channel, queue, concurrency)
        if (sent > 0) committed(sent)
      }
    })()
    return {
      async stop() {
        await relaying
        await connection.close()
        await client.end()
      },
    }
  },
}

async function sendSome(
  client: pg.Client,
  channel: ConfirmChannel,
  queue: string,
  limit: number,
): Promise<number> {
  await client.query('begin')
  const { rows } = await client.query<{ seq: string; id: string; key: string; payload: Buffer }>(
    `select seq, id, key, payload from queue.outbox where state = 'pending'
     order by seq limit $1 for update skip locked`,
    [limit],
  )
  for (const { id, key, payload } of rows) {
    channel.publish('', queue, payload, properties(id, key))
  }
  await channel.waitForConfirms()
  await client.query(
    "update queue.outbox set state = 'sent', settled_at = now() where seq = any ($1)",
    [rows.map(({ seq }) => seq)],
  )
  await client.query('commit')
  return rows.length
}

/** Rows as `bus.outbox(trx).publish` writes them, many in a statement. */
async function fillOutbox(place: Place, messages: readonly Message[]): Promise<void> {
  const client = new pg.Client({ connectionString: place.databaseUrl })
  await client.connect()
  const [first] = messages
  if (first === undefined) return
  const { headers } = properties('', '')
  await client.query(
    `insert into queue.outbox (id, partition, key, exchange, routing_key, type, headers, payload)
     select m.id, (hashtextextended(m.key, 0) & 15)::smallint, m.key, $4, $5, $5,
       $6::jsonb || jsonb_build_object('cloudEvents:id', m.id, 'cloudEvents:partitionkey', m.key),
       convert_to(m.payload, 'utf8')
     from unnest($1::text[], $2::text[], $3::text[]) with ordinality
       as m (id, key, payload, position)
     order by m.position`,
    [
      messages.map(({ id }) => id),
      messages.map(({ body }) => body.account),
      messages.map(({ body }) => JSON.stringify(body)),
      `${place.queue}.exchange`,
      TYPE,
      JSON.stringify(headers),
    ],
  )
  await client.query('vacuum analyze queue.outbox')
  await client.end()
}

async function pending({ databaseUrl }: Place): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query<{ n: number }>(
    "select count(*)::integer as n from queue.outbox where state = 'pending'",
  )
  await client.end()
  return rows[0]?.n ?? 0
}
