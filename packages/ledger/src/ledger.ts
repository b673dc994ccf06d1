import type { LedgerAccounts } from './accounts.ts'
import type { LedgerAudit } from './audit.ts'
import type { LedgerCheckpoints } from './checkpoint.ts'
import type { LedgerMoves } from './moves.ts'
import type { LedgerReads } from './reads.ts'

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
 * It does not retry, and it does not order the locks of *several* calls in one transaction: such
 * transactions can deadlock with each other (PostgreSQL ends one of them, nothing is half done).
 */
export interface Ledger extends LedgerMoves, LedgerReads, LedgerAudit, LedgerCheckpoints {
  readonly schema: string
  readonly accounts: LedgerAccounts
}
