import type { Executor, Ledger, Verification } from '@payflow/ledger'
import { toJsonNumber } from './minor-units.ts'
import { readLedger } from './wallet-view.ts'

/** Debits and credits of one currency. */
export interface CurrencyAudit {
  readonly currency: string
  readonly postedDebits: number
  readonly postedCredits: number
  /** Debits less credits: 0, or money was made or lost. */
  readonly imbalance: number
  /** Σ of what all wallets hold. */
  readonly inWallets: number
}

/** The answer to `GET /wallets/audit`. */
export interface AuditView {
  /** Whether debits equal credits and every balance follows from the journal. */
  readonly sound: boolean
  readonly currencies: readonly CurrencyAudit[]
  readonly findings: Verification['findings']
  readonly accounts: number
  readonly transfers: number
  readonly holds: number
}

/** Recomputes the books from the journal. Reads the whole ledger: for a person or a test. */
export async function auditLedger(db: Executor, ledger: Ledger): Promise<AuditView> {
  const { trial, verified } = await readLedger(async () => ({
    trial: await ledger.trialBalance(db),
    verified: await ledger.verify(db),
  }))
  return {
    sound: trial.balanced && verified.clean,
    currencies: trial.totals.map((total) => ({
      currency: total.currency,
      postedDebits: toJsonNumber(total.postedDebitsMinor),
      postedCredits: toJsonNumber(total.postedCreditsMinor),
      imbalance: toJsonNumber(total.differenceMinor),
      inWallets: toJsonNumber(
        trial.lines
          .filter(({ currency, kind }) => currency === total.currency && kind === 'liability')
          .reduce((sum, line) => sum + line.postedCreditsMinor - line.postedDebitsMinor, 0n),
      ),
    })),
    findings: verified.findings,
    accounts: toJsonNumber(verified.checked.accounts),
    transfers: toJsonNumber(verified.checked.transfers),
    holds: toJsonNumber(verified.checked.holds),
  }
}
