import { contactView } from '@payflow-app/contracts'
import { createHttpClient, mintServiceToken } from '@payflow-app/service-kit'
import type { Contact } from './mail.ts'

/** Knows where mail to a user goes. */
export interface Contacts {
  /**
   * Asks each time: an address that was changed is not written to any more. Undefined when there is
   * no such user.
   *
   * @throws when auth-service cannot say now
   */
  find(userId: string, signal: AbortSignal): Promise<Contact | undefined>
}

/** Options of {@link createContacts}. */
export interface ContactsOptions {
  /** auth-service. */
  readonly baseUrl: string
  readonly secret: string
}

/** Creates the client for auth-service. */
export function createContacts({ baseUrl, secret }: ContactsOptions): Contacts {
  const client = createHttpClient({
    name: 'auth-service',
    baseUrl,
    token: (nowMs) => mintServiceToken({ secret, issuer: 'notification', audience: 'auth', nowMs }),
  })
  return {
    async find(userId, signal) {
      const path = `/internal/users/${userId}/contact`
      const answer = await client.request({ method: 'GET', path, schema: contactView, signal })
      if (answer.outcome === 'ok') return answer.body
      if (answer.status === 404 && answer.code === 'not-found') return undefined
      throw new Error(`auth-service answered ${answer.status} ${answer.code}`)
    },
  }
}
