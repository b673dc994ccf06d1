import { sql } from 'kysely'
import { retryAfter } from '@payflow/queue'
import type { Consumer } from '@payflow/queue'
import { OrderPaid } from './consume.ts'

/** Books a parcel with a carrier: no transaction is open while the carrier thinks. */
export function bookParcels(consumer: Consumer<any>, carrierUrl: string): void {
  // #region main
  consumer.handle(OrderPaid, {
    async decide({ data }, { signal }) {
      const url = `${carrierUrl}/parcels/${data.orderId}` // a PUT by our id: safe to ask again
      const answer = await fetch(url, { method: 'PUT', signal })
      if (answer.status === 429) throw retryAfter(30_000)
      if (!answer.ok) throw new Error(`The carrier answered ${answer.status}`)
      return (await answer.text()).trim()
    },
    async record({ data }, parcelNumber, { trx }) {
      await sql`update orders set parcel = ${parcelNumber}
        where id = ${data.orderId} and parcel is null`.execute(trx)
    },
  })
  // #endregion main
}
