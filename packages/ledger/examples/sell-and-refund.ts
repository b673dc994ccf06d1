import type { Kysely } from 'kysely'
import type { Ledger } from '@payflow/ledger'

/** Ids are made and stored before the first call, so that each call can be made again. */
interface Sale {
  readonly id: string
  readonly paymentId: string
  readonly feeId: string
  readonly buyerId: string
  readonly sellerId: string
  readonly feesId: string
  readonly priceMinor: bigint
  readonly feeMinor: bigint
}

/** The buyer pays the seller and the seller pays the fee: both or neither. */
export async function sell(db: Kysely<unknown>, ledger: Ledger, sale: Sale): Promise<string> {
  // #region main
  const sold = await ledger.journal(db, {
    id: sale.id,
    code: 'sale',
    transfers: [
      {
        id: sale.paymentId,
        debitAccountId: sale.buyerId,
        creditAccountId: sale.sellerId,
        amountMinor: sale.priceMinor,
        currency: 'USD',
      },
      {
        id: sale.feeId,
        debitAccountId: sale.sellerId, // may spend what the leg before has brought
        creditAccountId: sale.feesId,
        amountMinor: sale.feeMinor,
        currency: 'USD',
      },
    ],
  })
  // #endregion main
  return sold.outcome === 'rejected' ? `${sold.reason} in leg ${sold.detail?.leg}` : sold.outcome
}

/** Gives the buyer back a part. All refunds of a sale together never exceed it. */
export async function refund(
  db: Kysely<unknown>,
  ledger: Ledger,
  request: { readonly id: string; readonly paymentId: string; readonly amountMinor: bigint },
): Promise<string> {
  // #region refund
  const refunded = await ledger.reverse(db, {
    id: request.id,
    transferId: request.paymentId,
    amountMinor: request.amountMinor, // leave it out for all that is left
  })
  // #endregion refund
  return refunded.outcome === 'rejected' ? refunded.reason : refunded.outcome
}
