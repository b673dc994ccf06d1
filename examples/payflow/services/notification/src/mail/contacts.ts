import { CONTACTS_MAX, contactsView } from '@payflow-app/contracts'
import { createHttpClient, serviceTokens, type ServiceKey } from '@payflow-app/service-kit'
import { gather } from './gather.ts'
import type { Contact } from './mail.ts'

/** Knows where mail to a user goes. */
export interface Contacts {
  /**
   * Asks each time: an address that was changed is not written to any more. What is asked for at
   * about the same time is one request. Undefined when there is no such user.
   *
   * @throws when auth-service cannot say now
   */
  find(userId: string): Promise<Contact | undefined>
}

/** So long the first who asks waits for others: mails are taken many at a time. */
const LINGER_MS = 5

/** Options of {@link createContacts}. */
export interface ContactsOptions {
  /** auth-service. */
  readonly baseUrl: string
  readonly key: ServiceKey
}

/** Creates the client for auth-service. */
export function createContacts({ baseUrl, key }: ContactsOptions): Contacts {
  const client = createHttpClient({
    name: 'auth-service',
    baseUrl,
    token: serviceTokens({ caller: 'notification', audience: 'auth', key }),
  })
  const find = gather<string, Contact | undefined>({
    max: CONTACTS_MAX,
    lingerMs: LINGER_MS,
    async run(userIds) {
      const path = `/internal/contacts?ids=${[...new Set(userIds)].join(',')}`
      const answer = await client.request({ method: 'GET', path, schema: contactsView })
      if (answer.outcome === 'problem') {
        throw new Error(`auth-service answered ${answer.status} ${answer.code}`)
      }
      const known = new Map(answer.body.items.map((one) => [one.userId, one]))
      return userIds.map((userId) => known.get(userId))
    },
  })
  return { find }
}
