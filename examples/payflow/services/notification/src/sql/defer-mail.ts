import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/** Options of {@link deferMail}. */
export interface DeferMailOptions {
  readonly id: string
  readonly leaseToken: string
  readonly reason: string
  /** The mail server may have taken it. */
  readonly maybeTaken: boolean
  /** False when this attempt was not about the mail: nobody could be reached. */
  readonly counted: boolean
  /** Wait after the first attempt, in milliseconds; it doubles with each. */
  readonly retryFirstMs: number
  readonly retryMaxMs: number
}

/**
 * Lets a mail wait for its next attempt: half to all of a time that doubles with each attempt, so
 * that mails that failed together do not come back together. Never beyond the moment at which it is
 * of no use, so that it is then given up and not forgotten. Only with the token of its lease.
 *
 * A mail about a payment is `skipped` instead when its reader has switched those off meanwhile: the
 * switch ends the mails that wait, and this one was not among them while it was in hand. One that is
 * switched off at this very moment is ended by the next claim.
 */
export async function deferMail(
  db: Kysely<NotificationDatabase>,
  options: DeferMailOptions,
): Promise<void> {
  const { id, leaseToken, reason, maybeTaken, counted, retryFirstMs, retryMaxMs } = options
  await sql`
    update public.mail_deliveries as mail
    set
      state = case when deferred.is_unwanted then 'skipped' else 'pending' end,
      settled_at = case when deferred.is_unwanted then now() end,
      contact = case when not deferred.is_unwanted then mail.contact end,
      secret = case when not deferred.is_unwanted then mail.secret end,
      lease_token = null,
      reason = ${reason},
      maybe_taken = maybe_taken or ${maybeTaken},
      attempts = attempts - ${counted ? 0 : 1}::int,
      due_at = least(give_up_at, now() + (0.5 + random() / 2) * make_interval(secs =>
        least(${retryMaxMs}::float8, ${retryFirstMs}::float8 * 2 ^ least(attempts - 1, 30)) / 1000))
    from (
      select one.id, one.urgency > 0 and preference.payment_mails is false as is_unwanted
      from public.mail_deliveries as one
      left join public.mail_preferences as preference on preference.user_id = one.user_id
      where one.id = ${id}
    ) as deferred
    where mail.id = deferred.id and mail.lease_token = ${leaseToken}`.execute(db)
}
