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

/** What {@link claimMails} found. */
interface Claim {
  readonly mails: readonly ClaimedMail[]
  /** A suspect is due, which was left: it is to be claimed alone. */
  readonly isSuspectDue: boolean
}

/** Options of {@link claimMails}. */
export interface ClaimMailsOptions {
  readonly limit: number
  readonly leaseMs: number
  /** Takes the first suspect instead, and nothing else. Default: false. */
  readonly suspectAlone?: boolean
}

/** So many attempts ended, the last with its process: this mail may be what ends processes. */
export const SUSPECT_AFTER_ATTEMPTS = 2

interface ClaimedRow extends Omit<ClaimedMail, 'about'> {
  readonly isLeft: boolean
  readonly isUnwanted: boolean
  readonly kind: MailKind
  readonly about: Omit<MailAbout, 'kind'>
}

/**
 * Takes mails that are due, the urgent ones first, and those whose holder has died or hangs: such a
 * one may have been taken by the mail server, which the row says from then on.
 *
 * A mail about a payment whose reader has switched those off ends here as `skipped`, and is not
 * returned. The switch has ended those that waited; these were in a dead process's hand, or were
 * being written down, at that moment. After this nobody asks again until the attempt is over,
 * which begins some seconds later at most.
 *
 * A process that dies charges an attempt to all that it has in hand, whichever of them ended it. Once
 * two were charged, the mail is a suspect: whoever takes it has nothing else in hand, so that no mail
 * is given up for what another does.
 *
 * SKIP LOCKED, so that several processes share the work instead of queueing for it. The lock ends
 * with the statement; the lease is what holds while the mail server is talked to, which may take as
 * long as it likes.
 */
export async function claimMails(
  db: Kysely<NotificationDatabase>,
  { limit, leaseMs, suspectAlone = false }: ClaimMailsOptions,
): Promise<Claim> {
  const { rows } = await sql<ClaimedRow>`
    with due as (
      select id, user_id, urgency, state = 'sending' as taken_over,
        state = 'sending' and attempts >= ${SUSPECT_AFTER_ATTEMPTS} as is_suspect
      from public.mail_deliveries
      where state in ('pending', 'sending') and due_at <= now() and (not ${suspectAlone}::boolean
        or state = 'sending' and attempts >= ${SUSPECT_AFTER_ATTEMPTS})
      order by urgency, due_at
      limit ${suspectAlone ? 1 : limit}
      for update skip locked
    ), wanted as (
      select due.id, due.taken_over,
        due.urgency > 0 and preference.payment_mails is false as is_unwanted
      from due left join public.mail_preferences as preference on preference.user_id = due.user_id
      where due.is_suspect = ${suspectAlone}
    ), claimed as (
      update public.mail_deliveries as mail
      set
        state = case when is_unwanted then 'skipped' else 'sending' end,
        settled_at = case when is_unwanted then now() end,
        contact = case when not is_unwanted then contact end,
        secret = case when not is_unwanted then secret end,
        lease_token = case when not is_unwanted then gen_random_uuid() end,
        due_at = now() + make_interval(secs => ${leaseMs}::float8 / 1000),
        attempts = attempts + case when is_unwanted then 0 else 1 end,
        maybe_taken = maybe_taken or taken_over
      from wanted where mail.id = wanted.id
      returning mail.*, is_unwanted, give_up_at <= now() as is_too_late
    )
    select claimed.id, claimed.id is null as "isLeft", is_unwanted as "isUnwanted",
      event_id as "eventId", claimed.user_id as "userId", channel, kind, about, contact, secret,
      created_at as "createdAt", attempts, is_too_late as "isTooLate", lease_token as "leaseToken"
    from due left join claimed on claimed.id = due.id`.execute(db)
  const mails = rows.flatMap(({ isLeft, isUnwanted, kind, about, ...row }) =>
    isLeft || isUnwanted ? [] : [{ ...row, about: { kind, ...about } as MailAbout }],
  )
  return { mails, isSuspectDue: rows.some(({ isLeft }) => isLeft) }
}
