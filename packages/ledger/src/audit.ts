import { decodeVerification } from './decode.ts'
import type { Executor } from './executor.ts'
import type { Verification } from './records.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { within } from './within.ts'

const FINDINGS_MAX = 10_000

/** What an auditor asks for. */
export interface LedgerAudit {
  /**
   * Recomputes everything from the journal and names what does not agree. Reads the whole ledger in
   * one snapshot: run it on a replica or at a quiet hour once the journal is large.
   */
  verify(db: Executor, options?: { readonly findingsMax?: number }): Promise<Verification>
}

/** The verbs of {@link LedgerAudit} on a schema. */
export function auditOf(s: string): LedgerAudit {
  const calls = { verify: call(s, 'verify', 'integer') }
  return {
    async verify(db, options = {}) {
      const findingsMax = within('findingsMax', options.findingsMax ?? 100, FINDINGS_MAX)
      return read(db, calls.verify, [findingsMax], decodeVerification)
    },
  }
}
