import type { Executor } from './executor.ts'
import { type Verification, verifierOf, type VerifyOptions } from './verify.ts'

/** What an auditor asks for. */
export interface LedgerAudit {
  /**
   * Recomputes the ledger from its journal and names what does not agree: every balance, sequence,
   * hash chain, hold, reversal, journal, limit and guard. Reads only, and takes no lock.
   *
   * It works in batches. Each is one statement with a snapshot of its own, held for some
   * milliseconds, so that the vacuum of a busy table is never kept waiting by it; an account of many
   * millions of rows is read in pieces. Between batches it can stop (`budgetMs`, `signal`) and go on
   * later, in another process if need be (`resume`). Inside your own REPEATABLE READ or SERIALIZABLE
   * transaction all batches share your snapshot instead, which is then held to the end: do that on a
   * replica only.
   *
   * Not found: a journal whose newest rows were all taken away and whose accounts were set back, or
   * whose hashes were all computed anew. That takes a checkpoint kept elsewhere and
   * {@link LedgerCheckpoints.verifyCheckpoints}; the totals of sealed periods have
   * {@link LedgerPeriods.verifyPeriods}.
   *
   * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` for an option outside its range.
   */
  verify(db: Executor, options?: VerifyOptions): Promise<Verification>
}

/** The verbs of {@link LedgerAudit} on a schema. */
export function auditOf(s: string): LedgerAudit {
  return { verify: verifierOf(s) }
}
