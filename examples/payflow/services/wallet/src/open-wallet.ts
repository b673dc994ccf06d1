import { unavailable, type Probe } from '@payflow-app/service-kit'
import { LedgerError, type Ledger } from '@payflow/ledger'
import type { Kysely, Transaction } from 'kysely'
import { fundingAccountId, openingTransferId, walletAccountId } from './account-ids.ts'
import type { WalletDatabase } from './database.ts'
import { insertWallet } from './sql/insert-wallet.ts'
import { succeeded } from './succeeded.ts'
import { UnexpectedOutcomeError } from './unexpected-outcome-error.ts'

/** What {@link openWallet} works with. */
export interface OpenWalletOptions {
  readonly db: Kysely<WalletDatabase>
  readonly ledger: Ledger
  /** What a new wallet gets, in minor units; 0 for nothing. */
  readonly openingCreditMinor: bigint
  readonly probe: Probe
}

interface NewWallet {
  readonly userId: string
  readonly currency: string
}

/**
 * Opens the wallet of a user with its opening credit; a wallet that is open is left as it is.
 *
 * Row, account and credit are one transaction, so a wallet that exists has had its credit, whatever
 * crashed meanwhile. All ids are computed from user and currency: even without the row a second
 * credit would be a replay of the first.
 *
 * @throws {@link ProblemError} `service-unavailable` (503) when it should be tried again.
 */
export async function openWallet(options: OpenWalletOptions, wallet: NewWallet): Promise<void> {
  const { db, ledger, openingCreditMinor, probe } = options
  try {
    await db.transaction().execute(async (trx) => {
      if (!(await insertWallet(trx, wallet.userId, wallet.currency))) return
      await createAccounts(ledger, trx, wallet)
      if (openingCreditMinor > 0n) await creditOpening(ledger, trx, wallet, openingCreditMinor)
      await probe('wallet.written')
    })
    await probe('wallet.committed')
  } catch (error) {
    // Inside a transaction the ledger throws what it answers as `busy` elsewhere.
    if (LedgerError.is(error) && error.retryable) throw unavailable('The ledger is busy', error)
    throw error
  }
}

async function createAccounts(
  ledger: Ledger,
  trx: Transaction<WalletDatabase>,
  { userId, currency }: NewWallet,
): Promise<void> {
  const accounts = [
    {
      id: fundingAccountId(currency),
      kind: 'equity' as const,
      floorMinor: null,
      metadata: { purpose: 'opening credits' },
    },
    {
      id: walletAccountId(userId, currency),
      kind: 'liability' as const,
      floorMinor: 0n,
      metadata: { userId },
    },
  ]
  for (const account of accounts) {
    const created = await ledger.accounts.create(trx, { ...account, currency })
    if (!succeeded(created)) throw new UnexpectedOutcomeError('accounts.create', created)
  }
}

async function creditOpening(
  ledger: Ledger,
  trx: Transaction<WalletDatabase>,
  { userId, currency }: NewWallet,
  amountMinor: bigint,
): Promise<void> {
  const moved = await ledger.transfer(trx, {
    id: openingTransferId(userId, currency),
    debitAccountId: fundingAccountId(currency),
    creditAccountId: walletAccountId(userId, currency),
    amountMinor,
    currency,
    code: 'opening_credit',
  })
  if (!succeeded(moved)) throw new UnexpectedOutcomeError('transfer', moved)
}
