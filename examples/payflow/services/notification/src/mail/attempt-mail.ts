import type { Probe } from '@payflow-app/service-kit'
import type { ClaimedMail } from '../sql/claim-mails.ts'
import type { Contacts } from './contacts.ts'
import { isBetweenUsers, type Contact } from './mail.ts'
import { messageIdOf } from './message-id.ts'
import type { SenderAddress } from './sender-address.ts'
import type { Smtp, SmtpOutcome } from './smtp.ts'
import { writeMail } from './write-mail.ts'

/** What became of one attempt to send a mail. */
export type AttemptOutcome =
  | SmtpOutcome
  /** There is nobody to send it to. */
  | { readonly outcome: 'impossible'; readonly reason: string }

/** What an attempt needs. */
export interface AttemptOptions {
  readonly smtp: Smtp
  readonly contacts: Contacts
  readonly from: SenderAddress
  readonly publicUrl: string
  readonly probe: Probe
}

/** Who a mail is for, and whom it is about. */
export interface People {
  readonly contact: Contact
  readonly counterpartyName: string | undefined
}

/** Finds out where a mail goes. Never rejects. */
export async function findPeople(
  contacts: Contacts,
  mail: ClaimedMail,
): Promise<People | AttemptOutcome> {
  const other = counterpartyOf(mail)
  try {
    const [contact, counterparty] = await Promise.all([
      mail.contact ?? contacts.find(mail.userId),
      other === undefined ? undefined : contacts.find(other),
    ])
    if (contact === undefined) return { outcome: 'impossible', reason: 'there is no such user' }
    return { contact, counterpartyName: counterparty?.name }
  } catch (error) {
    return { outcome: 'unreachable', reason: error instanceof Error ? error.message : 'unknown' }
  }
}

/**
 * Makes one attempt to send a mail that was claimed. Changes nothing but the world outside, so what
 * it returns must be recorded.
 *
 * @throws when the mail cannot be written, which is a fault of ours
 */
export async function attemptMail(
  options: AttemptOptions,
  mail: ClaimedMail,
  { contact, counterpartyName }: People,
  signal: AbortSignal,
): Promise<AttemptOutcome> {
  const { smtp, from, publicUrl, probe } = options
  const { about, secret, createdAt } = mail
  await probe('mail.addressed', mail.eventId)
  const { name } = contact
  const written = writeMail({ about, name, counterpartyName, secret, publicUrl })
  const messageId = messageIdOf(mail, from.domain)
  const outgoing = { ...written, to: contact.email, messageId, date: createdAt }
  return await smtp.send(outgoing, signal)
}

function counterpartyOf({ about }: ClaimedMail): string | undefined {
  if (!('counterpartyId' in about) || !isBetweenUsers(about.kind)) return undefined
  return about.counterpartyId
}
