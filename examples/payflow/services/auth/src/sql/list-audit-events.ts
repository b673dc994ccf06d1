import type { ActivityType } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A place in the list: the last event of the page before. */
export interface AuditPlace {
  /** With microseconds, as PostgreSQL keeps it. A JavaScript Date would cut them and skip rows. */
  readonly at: string
  readonly id: string
}

/** An event with its place in the list. */
export interface ListedEvent {
  readonly id: string
  readonly type: ActivityType
  readonly at: Date
  readonly client: string
  readonly place: string
}

/** What happened to a user's account, newest first: one page, read from its own index. */
export async function listAuditEvents(
  db: Kysely<AuthDatabase>,
  query: {
    readonly userId: string
    readonly after: AuditPlace | undefined
    readonly limit: number
  },
): Promise<ListedEvent[]> {
  const { userId, after, limit } = query
  const { rows } = await sql<ListedEvent>`
    select id, type, at, client,
      to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as place
    from public.audit_events
    where user_id = ${userId}
      ${after ? sql`and (at, id) < (${after.at}::timestamptz, ${after.id}::uuid)` : sql``}
    order by at desc, id desc
    limit ${limit}`.execute(db)
  return rows
}
