import { sql, type Kysely } from 'kysely'

/**
 * Writes a pending payment of 1 minor unit between two strangers, as transaction-service leaves it;
 * gives back its id.
 */
export async function insertPending(
  db: Kysely<any>,
  id: string = crypto.randomUUID(),
): Promise<string> {
  await sql`
    insert into payments (id, from_user_id, to_user_id, amount_minor, currency, idempotency_key,
      fingerprint, message_id)
    values (${id}, gen_random_uuid(), gen_random_uuid(), 1, 'USD', 'k', '', gen_random_uuid())`.execute(
    db,
  )
  return id
}
