import type { Query } from './query.ts'

/*
 * Its own short transaction, after the handler's was rolled back and before the message moves on.
 * Two copies of one message (a crash between moving and acknowledging makes them) count together.
 */
const fail = (schema: string): string => `
  insert into ${schema}.attempt as a (consumer, message_id, failed, last_error)
  values ($1, $2, 1, $4)
  on conflict on constraint attempt_pkey
  do update set
    failed = a.failed + 1,
    started = greatest(a.started - $3::integer, 0),
    last_error = excluded.last_error,
    updated_at = now()
  returning failed, first_seen_at::text as first_seen_at`

/** Counts a failed try; returns how many there were. */
export async function failAttempt(
  query: Query,
  schema: string,
  attempt: { consumer: string; messageId: string; counted: boolean; error: string },
): Promise<{ failed: number; firstSeenAt: string }> {
  const [row] = await query<{ failed: number; first_seen_at: string }>(fail(schema), [
    attempt.consumer,
    attempt.messageId,
    attempt.counted ? 1 : 0,
    // PostgreSQL text can't hold NUL.
    attempt.error.replaceAll('\0', '').slice(0, 2_000),
  ])
  return { failed: Number(row?.failed ?? 1), firstSeenAt: row?.first_seen_at ?? '' }
}
