// Orders that nobody took within a minute, or nobody finished within a quarter of an hour, are
// ended: the bank says how, the order and a notice to the customer are written together.
// #region setup
import type { Generated, Kysely, Transaction } from 'kysely'
import { createReversal } from '@payflow/reversal'
import type { ResolveOutcome, Reversal } from '@payflow/reversal'

export interface Shop {
  orders: { id: Generated<string>; state: string; placed_at: Generated<Date>; sent_at: Date | null }
  notices: { order_id: string; text: string }
}

/** Your side of it: cancels an order for ever, or says that it has been paid. */
export interface Bank {
  cancel(orderId: string, signal: AbortSignal): Promise<ResolveOutcome>
}

async function notice(trx: Transaction<Shop>, orderId: string, text: string): Promise<void> {
  await trx.insertInto('notices').values({ order_id: orderId, text }).execute()
}
// #endregion setup

// #region main
export const staleOrders = (db: Kysely<Shop>, bank: Bank): Reversal =>
  createReversal({
    db,
    table: 'orders',
    columns: { id: 'id', status: 'state', createdAt: 'placed_at', dispatchedAt: 'sent_at' },
    statuses: { pending: 'placed', reversed: 'cancelled', completed: 'paid' },
    resolve: (order, { signal }) => bank.cancel(order.id, signal),
    onResolved: (trx, order, outcome) => notice(trx, order.id, outcome),
  })
// #endregion main
