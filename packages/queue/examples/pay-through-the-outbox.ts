import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Bus, Relay } from '@payflow/queue'
import { OrderPaid } from './consume.ts'

/** Marks an order as paid and tells the world, both or neither. */
export async function payOrder(
  db: Kysely<any>,
  bus: Bus,
  relay: Relay,
  orderId: string,
): Promise<string> {
  // #region main
  const { id } = await db.transaction().execute(async (trx) => {
    await sql`update orders set paid = true where id = ${orderId}`.execute(trx)
    return bus.outbox(trx).publish(OrderPaid, { orderId })
  })
  relay.wake() // sent now rather than at the next poll
  return id
  // #endregion main
}
