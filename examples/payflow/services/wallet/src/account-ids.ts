import { v5 } from 'uuid'

/**
 * Ids are computed, not drawn: whoever opens a wallet twice, or dies in between and starts over,
 * names the same account and the same opening credit, and the ledger sees a replay. A version 5
 * UUID is a hash, so ids of different things cannot meet.
 */
const NAMESPACE = '7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11'

/** The ledger account that keeps a user's money. */
export function walletAccountId(userId: string, currency: string): string {
  return v5(`wallet:${userId}:${currency}`, NAMESPACE)
}

/** The transfer that puts the opening credit into a wallet. */
export function openingTransferId(userId: string, currency: string): string {
  return v5(`opening:${userId}:${currency}`, NAMESPACE)
}

/** The sandbox bank outside: what was paid in, less what was paid out. */
export function sandboxBankAccountId(currency: string): string {
  return v5(`sandbox-bank:${currency}`, NAMESPACE)
}

/** The account opening credits come from. It may go below zero: that is the money handed out. */
export function fundingAccountId(currency: string): string {
  return v5(`funding:${currency}`, NAMESPACE)
}
