import { unavailable } from '@payflow-app/service-kit'
import type { Executor, Ledger } from '@payflow/ledger'
import { sandboxBankAccountId } from './account-ids.ts'
import { succeeded } from './succeeded.ts'
import { UnexpectedOutcomeError } from './unexpected-outcome-error.ts'

/** Currencies whose account was seen in a database. An account is never deleted. */
const known = new WeakMap<Executor, Set<string>>()

/**
 * Makes sure that the account of the sandbox bank exists: created by the first who needs it, found
 * by everybody after.
 *
 * An asset, so it grows by debits: its balance is what the bank outside keeps for all wallets, and
 * together with the opening credits it is exactly what the wallets hold. No floor: opening credits
 * came from nowhere, so more may be withdrawn than was ever paid in, and the balance is negative
 * then. Sharded, because every top-up and every withdrawal of every user meets here; without
 * limits no operation ever has to lock all parts.
 *
 * @throws {@link ProblemError} `service-unavailable` (503) when it should be tried again.
 */
export async function ensureSandboxBank(
  db: Executor,
  ledger: Ledger,
  currency: string,
): Promise<void> {
  const seen = known.get(db) ?? new Set<string>()
  if (seen.has(currency)) return
  const created = await ledger.accounts.create(db, {
    id: sandboxBankAccountId(currency),
    currency,
    kind: 'asset',
    floorMinor: null,
    hot: 'sharded:16',
    metadata: { purpose: 'sandbox bank' },
  })
  if (created.outcome === 'busy' || created.outcome === 'unknown') {
    throw unavailable('The ledger is busy')
  }
  if (!succeeded(created)) throw new UnexpectedOutcomeError('accounts.create', created)
  known.set(db, seen.add(currency))
}
