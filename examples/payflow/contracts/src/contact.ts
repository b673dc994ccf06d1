/** `GET /internal/users/:id/contact` of auth-service: where mail to a user goes. */
import { z } from 'zod'
import { idField } from './fields.ts'

/** For services only: no route of the gateway leads there. */
export const contactView = z.object({ userId: idField, email: z.string(), name: z.string() })
export type ContactView = z.infer<typeof contactView>
