import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'
import type { Contact, MailAbout, MailKind } from '../mail/mail.ts'

/** A mail in hand: nobody else sends it before the lease has ended. */
export interface ClaimedMail {
  readonly id: string
  readonly eventId: string
  readonly userId: string
  readonly channel: string
  readonly about: MailAbout
  readonly contact: Contact | null
  readonly secret: string | null
  readonly createdAt: Date
  /** This attempt included. */
  readonly attempts: number
  /** It is of no use any more. */
  readonly isTooLate: boolean
  readonly leaseToken: string
}

interface ClaimedRow extends Omit<ClaimedMail, 'about'> {
  readonly kind: MailKind
  readonly about: Omit<MailAbout, 'kind'>
}

/**
 * Takes mails that are due, the urgent ones first, and those whose holder has died or hangs: such a
 * one may have been taken by the mail server, which the row says from then on.
 *
 * SKIP LOCKED, so that several processes share the work instead of queueing for it. The lock ends
 * with the statement; the lease is what holds while the mail server is talked to, which may take as
 * long as it likes.
 */
export async function claimMails(
  db: Kysely<NotificationDatabase>,
  { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
): Promise<ClaimedMail[]> {
  const { rows } = await sql<ClaimedRow>`
    with due as (
      select id, state = 'sending' as taken_over
      from public.mail_deliveries
      where state in ('pending', 'sending') and due_at <= now()
      order by urgency, due_at
      limit ${limit}
      for update skip locked
    )
    update public.mail_deliveries as mail
    set
      state = 'sending',
      lease_token = gen_random_uuid(),
      due_at = now() + make_interval(secs => ${leaseMs}::float8 / 1000),
      attempts = attempts + 1,
      maybe_taken = maybe_taken or due.taken_over
    from due where mail.id = due.id
    returning mail.id, event_id as "eventId", user_id as "userId", channel, kind, about, contact,
      secret, created_at as "createdAt", attempts, give_up_at <= now() as "isTooLate",
      lease_token as "leaseToken"`.execute(db)
  return rows.map(({ kind, about, ...row }) => ({ ...row, about: { kind, ...about } as MailAbout }))
}
