// The examples of the README, run as they stand.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { bookParcels } from '../examples/ask-another-system.ts'
import { consumeOrders, OrderPaid } from '../examples/consume.ts'
import { payOrder } from '../examples/pay-through-the-outbox.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await createWorld()
  await sql`create table orders (
    id text primary key, paid boolean default false, shipped boolean default false, parcel text
  )`.execute(world.db)
  await sql`insert into orders (id) values ('o-1')`.execute(world.db)
})
afterEach(async () => {
  const channel = await world.channel()
  for (const queue of ['shipping', 'shipping.parked']) await channel.deleteQueue(queue)
  for (const delayMs of [1_000, 5_000, 30_000, 300_000]) {
    await channel.deleteQueue(`shipping.wait.${delayMs}`)
  }
  await channel.deleteExchange('messages')
  await world.dispose()
})

async function order(): Promise<unknown> {
  const { rows } = await sql`select paid, shipped, parcel from orders`.execute(world.db)
  return rows[0]
}

describe('examples', () => {
  it('pays an order through the outbox and ships it once', async () => {
    const bus = await consumeOrders(world.db, world.rabbitmqUrl)
    await bus.topology.apply()
    const relay = bus.relay()
    relay.start()
    await payOrder(world.db, bus, relay, 'o-1')
    await waitFor(async () => JSON.stringify(await order()).includes('"shipped":true'))
    expect(await order()).toEqual({ paid: true, shipped: true, parcel: null })
    await bus.drain()
  })

  it('asks a carrier outside of any transaction', async () => {
    const carrier = createServer((request, response) => response.end(`P${request.url?.at(-1)}\n`))
    await new Promise<void>((resolve) => carrier.listen(0, '127.0.0.1', resolve))
    const bus = world.bus()
    const consumer = bus.consumer({ name: 'parcels', queue: world.queue, messages: [OrderPaid] })
    bookParcels(consumer, `http://127.0.0.1:${(carrier.address() as AddressInfo).port}`)
    await consumer.start()
    await bus.topology.apply()
    await bus.publish(OrderPaid, { orderId: 'o-1' })
    await waitFor(async () => JSON.stringify(await order()).includes('P1'))
    expect(await order()).toMatchObject({ parcel: 'P1' })
    carrier.closeAllConnections()
    await new Promise((resolve) => carrier.close(resolve))
  })
})
