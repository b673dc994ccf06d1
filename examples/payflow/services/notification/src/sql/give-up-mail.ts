import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/** How a mail ends that was not sent: certainly not, or nobody knows. */
export type GivenUp = 'failed' | 'unknown'

/** Options of {@link giveUpMail}. */
export interface GiveUpMailOptions {
  readonly id: string
  readonly leaseToken: string
  readonly reason: string
  /** The last attempt ended without an answer after the mail was handed over. */
  readonly maybeTaken: boolean
}

/**
 * Gives a mail up. Only with the token of its lease: whoever lost it has no say any more, and is
 * told by `undefined`. The state is `unknown` if any attempt ended without an answer after the
 * mail was handed over.
 */
export async function giveUpMail(
  db: Kysely<NotificationDatabase>,
  { id, leaseToken, reason, maybeTaken }: GiveUpMailOptions,
): Promise<GivenUp | undefined> {
  const { rows } = await sql<{ state: GivenUp }>`
    update public.mail_deliveries
    set state = case when maybe_taken or ${maybeTaken} then 'unknown' else 'failed' end, settled_at = now(),
      lease_token = null, contact = null, secret = null, reason = ${reason}
    where id = ${id} and lease_token = ${leaseToken}
    returning state`.execute(db)
  return rows[0]?.state
}
