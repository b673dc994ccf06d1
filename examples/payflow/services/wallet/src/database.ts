import type { Generated } from 'kysely'

/** The wallet of a user in a currency, and the ledger account that keeps its money. */
export interface WalletRow {
  readonly user_id: string
  readonly currency: string
  readonly account_id: string
  readonly opened_at: Generated<Date>
}

/** The tables wallet-service itself owns; those of the ledger are the ledger's. */
export interface WalletDatabase {
  readonly wallets: WalletRow
}
