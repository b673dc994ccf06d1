import { sql, type Kysely, type Transaction } from 'kysely'
import type { ClientInfo } from '../client-info.ts'
import type { AuthDatabase } from '../database.ts'

/** Somebody's wish for a new password. */
export interface ResetRequest extends Pick<ClientInfo, 'client' | 'addressHash' | 'requestId'> {
  readonly email: string
}

/** Stores the wish. Whether anybody has the address is not looked at: it takes equally long. */
export async function insertResetRequest(
  db: Kysely<AuthDatabase>,
  { email, client, addressHash, requestId }: ResetRequest,
): Promise<void> {
  await sql`
    insert into public.reset_requests (email, client, request_id, address_hash)
    values (${email}, ${client}, ${requestId}, ${addressHash})`.execute(db)
}

/**
 * Takes the oldest wish; undefined when there is none. It is gone with the commit, and there again
 * if the transaction does not come to that.
 *
 * SKIP LOCKED, so that several auth-services share the work instead of queueing for it.
 */
export async function takeResetRequest(
  trx: Transaction<AuthDatabase>,
): Promise<ResetRequest | undefined> {
  const { rows } = await sql<ResetRequest>`
    delete from public.reset_requests
    where id = (
      select id from public.reset_requests order by id limit 1 for update skip locked
    )
    returning email, client, request_id as "requestId", address_hash as "addressHash"`.execute(trx)
  return rows[0]
}
