import { connect } from 'amqplib'
import type { Channel, ConsumeMessage } from 'amqplib'
import { createHash } from 'node:crypto'
import pg from 'pg'
import { bodySchema, effectOf, insertEffect } from './contender.ts'
import type { Committed, Contender } from './contender.ts'
import { declareClassicQueue, declareQueue, fillQueue, ready, TYPE } from './rabbit.ts'

/** What one writes who knows all of it: the floor. */
export const byHand: Contender = {
  name: 'by hand',
  packages: ['amqplib', 'pg'],
  about:
    'amqplib and pg: BEGIN, inbox row with a hash, effect, update of the inbox row, COMMIT whose tag is looked at, ack. No retries, no parking, no reconnection',
  prepare: declareQueue,
  fill: fillQueue,
  left: ready,
  async work({ databaseUrl, rabbitmqUrl, queue }, { concurrency, prefetch }, committed) {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: concurrency })
    const connection = await connect(rabbitmqUrl, { noDelay: true })
    const channel = await connection.createChannel()
    await channel.prefetch(prefetch)
    const atWork = new Set<Promise<void>>()
    const { consumerTag } = await channel.consume(queue, (delivery) => {
      if (delivery === null) return
      const work = handle(pool, channel, delivery, committed)
      atWork.add(work)
      void work.finally(() => atWork.delete(work))
    })
    return {
      async stop() {
        await channel.cancel(consumerTag)
        await Promise.all(atWork)
        await channel.close()
        await connection.close()
        await pool.end()
      },
    }
  },
}

/** The same on a kind of queue that ours doesn't use. */
export const byHandClassic: Contender = {
  ...byHand,
  name: 'by hand, classic queue',
  about: 'the same with a classic queue: one node has it, and nobody a copy',
  prepare: declareClassicQueue,
}

async function handle(
  pool: pg.Pool,
  channel: Channel,
  delivery: ConsumeMessage,
  committed: Committed,
): Promise<void> {
  const client = await pool.connect()
  const id = String(delivery.properties.messageId)
  try {
    const body = bodySchema.parse(JSON.parse(delivery.content.toString()))
    const hash = createHash('sha256').update(`${TYPE}\n1\n`).update(delivery.content).digest()
    await client.query('begin')
    const inserted = await client.query(
      `insert into inbox (consumer, message_id, payload_hash) values ($1, $2, $3)
       on conflict do nothing`,
      ['bench', id, hash],
    )
    if (inserted.rowCount === 0) {
      await client.query('rollback')
      channel.ack(delivery)
      return
    }
    await client.query(insertEffect, effectOf({ id, body }))
    // Fails if a statement before it did and nobody looked.
    await client.query(
      'update inbox set handled_at = now() where consumer = $1 and message_id = $2',
      ['bench', id],
    )
    const { command } = await client.query('commit')
    if (command !== 'COMMIT') throw new Error(`COMMIT was answered by ${command}`)
    channel.ack(delivery)
    committed(1, body)
  } catch {
    await client.query('rollback').catch(() => {})
    channel.nack(delivery, false, true)
  } finally {
    client.release()
  }
}
