import { createHash } from 'node:crypto'

/** What makes a mail the same mail. */
export interface MailIdentity {
  readonly eventId: string
  readonly userId: string
  readonly channel: string
}

/**
 * The Message-ID of a mail: the same in every attempt, so that a mailbox which gets a second copy
 * can tell that it is one. A hash, because an event's id may hold anything.
 */
export function messageIdOf({ eventId, userId, channel }: MailIdentity, domain: string): string {
  const hash = createHash('sha256').update(JSON.stringify([eventId, userId, channel]))
  return `<${hash.digest('hex').slice(0, 40)}@${domain}>`
}
