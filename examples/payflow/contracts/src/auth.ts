/** Bodies of `/api/auth/*` and `/api/users`. */
import { z } from 'zod'
import { emailField, idField, nameField, pageOf, textField, tooLong } from './fields.ts'
import {
  EMAIL_CHARS_MAX,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
  USER_QUERY_CHARS_MAX,
  USER_QUERY_CHARS_MIN,
} from './limits.ts'

/** A password that somebody chooses. */
export const newPasswordField = z
  .string()
  .min(PASSWORD_CHARS_MIN, `Must have at least ${PASSWORD_CHARS_MIN} characters`)
  .max(PASSWORD_CHARS_MAX, tooLong(PASSWORD_CHARS_MAX))

/** `POST /api/auth/register` */
export const registerRequest = z.strictObject({
  email: emailField,
  password: newPasswordField,
  name: nameField,
})
export type RegisterRequest = z.infer<typeof registerRequest>

/** `POST /api/auth/login`. No lower bounds: a wrong password is wrong, not malformed. */
export const loginRequest = z.strictObject({
  email: textField.trim().toLowerCase().max(EMAIL_CHARS_MAX),
  password: z.string().max(PASSWORD_CHARS_MAX),
})
export type LoginRequest = z.infer<typeof loginRequest>

/** A user, as shown to themselves. */
export const userView = z.object({ id: idField, email: z.string(), name: z.string() })
export type UserView = z.infer<typeof userView>

/** The answer to register, login and refresh. The refresh token travels in a cookie only. */
export const sessionView = z.object({
  user: userView,
  accessToken: z.string(),
  /** Seconds until the access token expires. */
  expiresIn: z.int(),
})
export type SessionView = z.infer<typeof sessionView>

/** `GET /api/auth/me` */
export const meView = z.object({ user: userView })
export type MeView = z.infer<typeof meView>

/** `GET /api/users?query=` */
export const userSearchQuery = z.object({
  query: textField.trim().min(USER_QUERY_CHARS_MIN).max(USER_QUERY_CHARS_MAX),
})
export type UserSearchQuery = z.infer<typeof userSearchQuery>

/** Somebody money can be sent to. */
export const recipientView = z.object({ id: idField, name: z.string(), email: z.string() })
export type RecipientView = z.infer<typeof recipientView>

/** The best few matches; there is no second page. */
export const recipientPage = pageOf(recipientView)
export type RecipientPage = z.infer<typeof recipientPage>
