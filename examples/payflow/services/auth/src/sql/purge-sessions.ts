import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** How long it is kept after it ran out, and how much is deleted at a time. */
export interface PurgeOptions {
  readonly keptDays: number
  readonly rowsMax: number
}

/**
 * Deletes refresh tokens that ran out long ago, and the sessions of which that was the last one.
 * Nothing is answered differently: a token that has run out is refused like one nobody knows, and
 * its session is not listed.
 *
 * Of two purges at once neither would see that the other takes the rest of a session's tokens, and
 * the session would stay: the caller sees to it that there is one. Waits for nobody, so that
 * nobody can wait in a circle: tokens are locked together with their session, and a session that
 * somebody else has locked is left with all its tokens until the next time.
 */
export async function purgeSessions(
  trx: Transaction<AuthDatabase>,
  { keptDays, rowsMax }: PurgeOptions,
): Promise<number> {
  const { rows } = await sql<{ familyId: string }>`
    with due as materialized (
      select token.token_hash
      from public.refresh_tokens as token
      join public.refresh_families as family on family.id = token.family_id
      where token.expires_at < now() - make_interval(days => ${keptDays})
      order by token.expires_at limit ${rowsMax}
      for update skip locked
    )
    delete from public.refresh_tokens where token_hash in (select token_hash from due)
    returning family_id as "familyId"`.execute(trx)
  const families = [...new Set(rows.map(({ familyId }) => familyId))]
  await sql`
    delete from public.refresh_families as family
    where id = any(${families}::uuid[])
      and not exists (select from public.refresh_tokens where family_id = family.id)`.execute(trx)
  return rows.length
}
