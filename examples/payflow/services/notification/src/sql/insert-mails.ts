import { sql, type Transaction } from 'kysely'
import { isPaymentMail, type NewMail } from '../mail/mail.ts'

/** News of a payment that comes days later is none. */
const GIVE_UP_AFTER_DAYS = 3

/** What a mailbox owner waits for in front of the screen goes before what merely informs. */
const urgencyOf = { security: 0, payment: 1 } as const

/**
 * Writes down the mails of some events, in the transaction that notes the events: no event without its
 * mail, and none twice, whatever dies when. A mail about a payment to somebody who switched those
 * off is `skipped` from the start; the row says that it was thought of.
 */
export async function insertMails(trx: Transaction<any>, mails: readonly NewMail[]): Promise<void> {
  const column = <T>(pick: (one: NewMail) => T): T[] => mails.map(pick)
  // The kind has a column of its own.
  const aboutOf = ({ about }: NewMail): string => JSON.stringify({ ...about, kind: undefined })
  const urgency = ({ about: { kind } }: NewMail): number =>
    isPaymentMail(kind) ? urgencyOf.payment : urgencyOf.security
  await sql`
    insert into public.mail_deliveries (id, event_id, user_id, kind, urgency, about, contact, secret,
      give_up_at, state, settled_at)
    select mail.id, mail.event_id, mail.user_id, mail.kind, mail.urgency, mail.about, mail.contact,
      mail.secret,
      coalesce(mail.use_until, now() + make_interval(days => ${GIVE_UP_AFTER_DAYS})),
      case when preference.payment_mails is false then 'skipped' else 'pending' end,
      case when preference.payment_mails is false then now() end
    from unnest(
      ${column(({ id }) => id)}::uuid[],
      ${column(({ eventId }) => eventId)}::text[],
      ${column(({ userId }) => userId)}::uuid[],
      ${column(({ about }) => about.kind)}::text[],
      ${column(urgency)}::int2[],
      ${column(aboutOf)}::jsonb[],
      ${column(({ contact }) => (contact ? JSON.stringify(contact) : null))}::jsonb[],
      ${column(({ secret }) => secret ?? null)}::text[],
      ${column(({ useUntil }) => useUntil ?? null)}::timestamptz[]
    ) as mail (id, event_id, user_id, kind, urgency, about, contact, secret, use_until)
    left join public.mail_preferences as preference
      on preference.user_id = mail.user_id and mail.urgency = ${urgencyOf.payment}
    on conflict on constraint mail_deliveries_event_user_channel_key do nothing`.execute(trx)
}
