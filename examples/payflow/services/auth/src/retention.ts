import type { RetentionRule } from '@payflow-app/service-kit'
import type { AuthDatabase } from './database.ts'
import { purgeAuditEvents } from './sql/purge-audit-events.ts'
import { purgeResetTokens } from './sql/purge-reset-tokens.ts'
import { purgeSessions } from './sql/purge-sessions.ts'

/** For how many days what is kept. */
export interface AuthRetention {
  readonly auditDays: number
  readonly sessionDays: number
}

/** What auth-service forgets. Users, and what they are owed, it does not. */
export function retentionOf({
  auditDays,
  sessionDays,
}: AuthRetention): RetentionRule<AuthDatabase>[] {
  const after =
    (keptDays: number, purge: typeof purgeSessions): RetentionRule<AuthDatabase>['purge'] =>
    (trx, rowsMax) =>
      purge(trx, { keptDays, rowsMax })
  return [
    { table: 'refresh_tokens', purge: after(sessionDays, purgeSessions) },
    { table: 'reset_tokens', purge: after(sessionDays, purgeResetTokens) },
    { table: 'audit_events', purge: after(auditDays, purgeAuditEvents) },
  ]
}
