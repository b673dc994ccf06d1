import type { Kysely } from 'kysely'
import type { Bus } from '@payflow/queue'
// #region message
import { sql } from 'kysely'
import { z } from 'zod'
import { createBus, defineMessage } from '@payflow/queue'

/** Publishers and consumers share this one definition. */
export const OrderPaid = defineMessage({
  type: 'orders.paid',
  version: 1,
  schema: z.object({ orderId: z.string() }),
  key: (order) => order.orderId, // messages of one key leave the outbox in order
})
// #endregion message

/** Ships each paid order once: the update and the acknowledgement stand or fall together. */
export async function consumeOrders(db: Kysely<any>, url: string): Promise<Bus> {
  // #region main
  const bus = createBus({ broker: { url }, db, source: 'shipping' })
  const consumer = bus.consumer({ name: 'shipping', queue: 'shipping', messages: [OrderPaid] })
  consumer.handle(OrderPaid, async (message, { trx }) => {
    const { orderId } = message.data
    await sql`update orders set shipped = true where id = ${orderId}`.execute(trx)
  }) // returning asks for the commit; the acknowledgement follows it, and nothing else sends one
  await consumer.start()
  // #endregion main
  return bus
}
