/** Bodies of the routes by which people keep their account safe, under `/api/auth`. */
import { z } from 'zod'
import { newPasswordField } from './auth.ts'
import { cursorField, idField, instantField, limitField, pageOf, textField } from './fields.ts'
import { EMAIL_CHARS_MAX, PASSWORD_CHARS_MAX } from './limits.ts'

/** `POST /api/auth/change-password` */
export const changePasswordRequest = z.strictObject({
  currentPassword: z.string().max(PASSWORD_CHARS_MAX),
  newPassword: newPasswordField,
})
export type ChangePasswordRequest = z.infer<typeof changePasswordRequest>

/** `POST /api/auth/forgot-password`. Whether it is an address at all is not told either. */
export const forgotPasswordRequest = z.strictObject({
  email: textField.trim().toLowerCase().max(EMAIL_CHARS_MAX),
})
export type ForgotPasswordRequest = z.infer<typeof forgotPasswordRequest>

/** `POST /api/auth/reset-password`, with the token of the link in the mail. */
export const resetPasswordRequest = z.strictObject({
  token: z.string().max(100),
  newPassword: newPasswordField,
})
export type ResetPasswordRequest = z.infer<typeof resetPasswordRequest>

/** A place where somebody is logged in. */
export const loginSessionView = z.object({
  id: idField,
  createdAt: instantField.describe('When somebody logged in there.'),
  lastUsedAt: instantField.describe('When it last renewed its access token.'),
  client: z.string().describe('What people call the program: "Firefox on Linux".'),
  current: z.boolean().describe('Whether it is the session that asks.'),
})
export type LoginSessionView = z.infer<typeof loginSessionView>

/** `GET /api/auth/sessions`, the one that was used last first. There is no second page. */
export const loginSessionPage = pageOf(loginSessionView)
export type LoginSessionPage = z.infer<typeof loginSessionPage>

/** What can happen to an account, in the words of its audit log. */
export const ACTIVITY_TYPES = [
  'registered',
  'logged_in',
  'login_failed',
  /** Not looked at: too many wrong passwords before. */
  'login_refused',
  'locked',
  'logged_out',
  'logged_out_everywhere',
  /** One session was ended from another one. */
  'session_ended',
  /** A refresh token came a second time, long after the first. */
  'session_stolen',
  'password_changed',
  'password_change_failed',
  'password_reset_requested',
  'password_reset',
] as const
export type ActivityType = (typeof ACTIVITY_TYPES)[number]

/** Something that happened to one's account. */
export const activityView = z.object({
  id: idField,
  type: z.enum(ACTIVITY_TYPES),
  at: instantField,
  client: z.string().describe('What people call the program that did it.'),
})
export type ActivityView = z.infer<typeof activityView>

/** `GET /api/auth/activity?limit=&cursor=`, newest first. */
export const activityListQuery = z.object({ limit: limitField, cursor: cursorField.optional() })
export type ActivityListQuery = z.infer<typeof activityListQuery>

export const activityPage = pageOf(activityView)
export type ActivityPage = z.infer<typeof activityPage>
