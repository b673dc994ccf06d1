/** `GET /internal/contacts` of auth-service: where mail to some users goes. */
import { z } from 'zod'
import { idField } from './fields.ts'

/** As many users can be asked for at once. Their ids leave room in a request's 16 kB of headers. */
export const CONTACTS_MAX = 100

/** For services only: no route of the gateway leads there. */
export const contactsQuery = z.strictObject({
  /** Ids with commas between them. */
  ids: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(idField).max(CONTACTS_MAX)),
})

export const contactView = z.object({ userId: idField, email: z.string(), name: z.string() })
export type ContactView = z.infer<typeof contactView>

/** In any order. Who is not there is left out. */
export const contactsView = z.object({ items: z.array(contactView) })
export type ContactsView = z.infer<typeof contactsView>
