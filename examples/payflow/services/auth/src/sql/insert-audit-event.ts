import type { ActivityType } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { ClientInfo } from '../client-info.ts'
import type { AuthDatabase } from '../database.ts'

/** What happened to an account. Holds no secret and nothing that one could be made from. */
export interface AuditEvent {
  readonly type: ActivityType
  /** Null when nobody has the address. */
  readonly userId: string | null
  readonly sessionId?: string
  readonly accountHash?: Buffer
}

/** Writes down what happened, in the transaction in which it does. */
export async function insertAuditEvent(
  db: Kysely<AuthDatabase>,
  { type, userId, sessionId, accountHash }: AuditEvent,
  { client, addressHash, requestId }: Pick<ClientInfo, 'client' | 'addressHash' | 'requestId'>,
): Promise<void> {
  await sql`
    insert into public.audit_events
      (type, user_id, session_id, account_hash, address_hash, client, request_id)
    values (
      ${type}, ${userId}, ${sessionId ?? null}, ${accountHash ?? null}, ${addressHash}, ${client},
      ${requestId}
    )`.execute(db)
}
