import { type Kysely, sql } from 'kysely'
import type { Ledger } from '@payflow/ledger'

interface Order {
  readonly id: string
  readonly buyerId: string
  readonly sellerId: string
  readonly totalMinor: bigint
}

/**
 * Reserves the money of an order, then posts it together with the order's own row: both commit or
 * neither does. The order's id names the payment everywhere.
 */
export async function payOrder(db: Kysely<unknown>, ledger: Ledger, order: Order): Promise<string> {
  // #region main
  const held = await ledger.hold(db, {
    id: order.id,
    debitAccountId: order.buyerId,
    creditAccountId: order.sellerId,
    amountMinor: order.totalMinor,
    currency: 'USD',
    expiresInMs: 24 * 3_600_000, // an abandoned hold frees itself
  })
  if (held.outcome === 'rejected') return held.reason // 'insufficient_funds', …
  if (held.outcome === 'conflict') return 'conflict' // the id belongs to another order
  if (held.outcome === 'busy' || held.outcome === 'unknown') return 'try_again' // with the same id

  return db.transaction().execute(async (trx) => {
    const captured = await ledger.capture(trx, { holdId: order.id })
    if (captured.outcome === 'rejected') return captured.reason // 'hold_released', …
    if (captured.outcome === 'conflict') return 'conflict' // posted already, but not all of it
    await sql`update orders set paid = true where id = ${order.id}`.execute(trx)
    return 'paid'
  })
  // #endregion main
}
