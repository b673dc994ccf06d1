// #region main
import { sql } from 'kysely'
import { z } from 'zod'
import { defineMessage } from '@payflow/queue'
import type { Bus, ReceivedMessage, TransactionContext } from '@payflow/queue'
import { MailWanted } from './send-mail.ts'

const schema = z.object({ orderId: z.string(), email: z.email() })
type Shipped = z.infer<typeof schema>
export const OrderShipped = defineMessage({
  type: 'orders.shipped',
  version: 1,
  schema,
  key: (order) => order.orderId,
})

type Notify = (message: ReceivedMessage<Shipped>, tx: TransactionContext<any>) => Promise<unknown>

/** Who wants to know. Each has a queue and an inbox of its own, so none waits for another. */
const channels: Record<string, Notify> = {
  bell: ({ id, data }, { trx }) =>
    sql`insert into bell (id, text) values (${id}, ${`${data.orderId} is on its way`})`.execute(
      trx,
    ),
  analytics: (_message, { trx }) =>
    sql`update shipped_today set orders = orders + 1 where shop = 'main'`.execute(trx),
  // Becomes a message of its own, for the consumer that talks to the mail server.
  mail: ({ data }, { outbox }) =>
    outbox.publish(MailWanted, {
      to: data.email,
      subject: `Order ${data.orderId}`,
      text: 'Your order is on its way.',
    }),
}

export async function notifyMany(bus: Bus): Promise<void> {
  for (const [name, notify] of Object.entries(channels)) {
    const queue = `notify.${name}`
    const consumer = bus.consumer({ name: queue, queue, messages: [OrderShipped] })
    consumer.handle(OrderShipped, async (message, tx) => {
      await notify(message, tx)
    })
    await consumer.start()
  }
}
// #endregion main
