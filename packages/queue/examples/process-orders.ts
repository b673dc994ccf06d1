// #region main
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import { deadLetter, defineMessage } from '@payflow/queue'
import type { Bus } from '@payflow/queue'

export const OrderPaid = defineMessage({
  type: 'orders.paid',
  version: 1,
  schema: z.object({ orderId: z.string(), sku: z.string(), pieces: z.int().min(1) }),
  key: (order) => order.orderId,
})
export const StockReserved = defineMessage({
  type: 'stock.reserved',
  version: 1,
  schema: z.object({ orderId: z.string() }),
  key: (order) => order.orderId,
})

/** Two consumers; usually each lives in a service of its own, with a bus and a database of its own. */
export async function processOrders(bus: Bus): Promise<void> {
  const stock = bus.consumer({ name: 'stock', queue: 'stock', messages: [OrderPaid] })
  stock.handle(OrderPaid, async ({ data }, { trx, outbox }) => {
    const { orderId, sku, pieces } = data
    const known = await sql`select 1 from stock where sku = ${sku} for update`.execute(trx)
    if (known.rows.length === 0) throw deadLetter('unknown-sku') // no retry makes it known
    const taken = await sql`update stock set free = free - ${pieces}
      where sku = ${sku} and free >= ${pieces}`.execute(trx)
    if (taken.numAffectedRows !== 1n) throw deadLetter('out-of-stock')
    await outbox.publish(StockReserved, { orderId }) // leaves if, and only if, the pieces are taken
  })

  const shipping = bus.consumer({ name: 'shipping', queue: 'shipping', messages: [StockReserved] })
  shipping.handle(StockReserved, async ({ data }, { trx }) => {
    await sql`update orders set state = 'shipped'
      where id = ${data.orderId} and state = 'paid'`.execute(trx) // a compare-and-set
  })
  await stock.start()
  await shipping.start()
}

/** The order is paid and its message written in one transaction. */
export async function payOrder(bus: Bus, db: Kysely<any>, orderId: string): Promise<string> {
  const { id } = await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ sku: string; pieces: number }>`update orders set state = 'paid'
      where id = ${orderId} and state = 'placed' returning sku, pieces`.execute(trx)
    const [order] = rows
    if (order === undefined) throw new Error(`Order ${orderId} is paid already, or unknown`)
    return bus.outbox(trx).publish(OrderPaid, { orderId, ...order })
  })
  bus.wake() // its relay sends now rather than at the next poll
  return id
}
// #endregion main
