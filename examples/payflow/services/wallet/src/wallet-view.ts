import { CURRENCIES, type Currency, type WalletView } from '@payflow-app/contracts'
import { isDatabaseUnavailable, problem, unavailable } from '@payflow-app/service-kit'
import { LedgerError, type Balance, type Executor, type Ledger } from '@payflow/ledger'
import { walletAccountId } from './account-ids.ts'
import { toJsonNumber } from './minor-units.ts'

/**
 * Reads the wallet of a user.
 *
 * @throws {@link ProblemError} `not-found` (404) when the user has none, `service-unavailable`
 * (503) when the ledger cannot be read now.
 */
export async function readWallet(
  db: Executor,
  ledger: Ledger,
  userId: string,
  currency: Currency = CURRENCIES[0],
): Promise<WalletView> {
  const balance = await readLedger(() => ledger.balance(db, walletAccountId(userId, currency)))
  if (!balance) throw problem('not-found', { detail: 'There is no such wallet' })
  return toWalletView(userId, currency, balance)
}

/** Reads from the ledger; an outage that will pass becomes a 503. */
export async function readLedger<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const passing = LedgerError.is(error) ? error.retryable : isDatabaseUnavailable(error)
    if (passing) throw unavailable('The ledger cannot be read at the moment', error)
    throw error
  }
}

function toWalletView(userId: string, currency: Currency, balance: Balance): WalletView {
  return {
    userId,
    currency,
    balance: toJsonNumber(balance.balanceMinor),
    available: toJsonNumber(balance.availableMinor),
    pending: toJsonNumber(balance.balanceMinor - balance.availableMinor),
  }
}
