import type { LedgerAccounts } from './accounts.ts'
import type { LedgerAudit } from './audit.ts'
import type { LedgerExports } from './export.ts'
import type { LedgerPeriods } from './period.ts'
import type { LedgerCheckpoints } from './checkpoint.ts'
import type { LedgerCurrencies } from './currencies.ts'
import type { LedgerGroups } from './groups.ts'
import type { LedgerMoves } from './moves.ts'
import type { LedgerReads } from './reads.ts'
import type { LedgerUnits } from './units.ts'

/** Options of {@link createLedger}. */
export interface LedgerOptions {
  /**
   * PostgreSQL schema that holds the ledger; lower-case letters, digits and `_`.
   * @defaultValue `'ledger'`
   */
  readonly schema?: string
}

/**
 * Double entry in your PostgreSQL. Every verb is one statement, alone or inside your transaction.
 *
 * Money moves whole or not at all, once per id, between two accounts of one currency, within the
 * limits of both. What cannot be done is answered, not thrown; what was answered stays true.
 *
 * Only `run` retries. Several calls in one transaction each lock on their own: begin it with `lock`,
 * or it can deadlock with another (PostgreSQL ends one of them, nothing is half done).
 */
export interface Ledger
  extends
    LedgerMoves,
    LedgerGroups,
    LedgerReads,
    LedgerAudit,
    LedgerCheckpoints,
    LedgerPeriods,
    LedgerExports,
    LedgerUnits {
  readonly schema: string
  readonly accounts: LedgerAccounts
  readonly currencies: LedgerCurrencies
}
