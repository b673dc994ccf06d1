/** The routes by which people keep their account safe. */
import {
  activityListQuery,
  activityPage,
  changePasswordRequest,
  forgotPasswordRequest,
  loginSessionPage,
  resetPasswordRequest,
} from '../account.ts'
import { idParams } from '../transactions.ts'
import type { ApiRoute } from './api-route.ts'

/** The routes by the name of their operation. */
export const accountRoutes = {
  listSessions: {
    method: 'GET',
    path: '/api/auth/sessions',
    tag: 'Account',
    summary: 'List where one is logged in',
    description: 'The session that was used last first, a hundred at most.',
    access: 'user',
    rateLimit: 'use',
    success: { status: 200, description: 'The sessions', body: loginSessionPage },
    problems: [],
  },
  endSession: {
    method: 'DELETE',
    path: '/api/auth/sessions/:id',
    tag: 'Account',
    summary: 'Log out somewhere else',
    description:
      'The session cannot renew its access token any more; the one it has lives on for minutes. ' +
      'Repeating the call changes nothing.',
    access: 'user',
    rateLimit: 'use',
    params: idParams,
    success: { status: 204, description: 'The session has ended' },
    problems: ['not-found'],
  },
  listActivity: {
    method: 'GET',
    path: '/api/auth/activity',
    tag: 'Account',
    summary: 'List what happened to the account',
    description: 'Newest first. Nothing in this list can be changed or taken away.',
    access: 'user',
    rateLimit: 'use',
    query: activityListQuery,
    success: { status: 200, description: 'A page of events', body: activityPage },
    problems: [],
  },
  changePassword: {
    method: 'POST',
    path: '/api/auth/change-password',
    tag: 'Account',
    summary: 'Change the password',
    description:
      'Ends all other sessions. Sent again after a lost answer, the current password is another ' +
      'one by then: 422.',
    access: 'user',
    rateLimit: 'password',
    body: changePasswordRequest,
    cookies: true,
    success: { status: 204, description: 'The password is another one' },
    problems: ['password-wrong'],
  },
  forgotPassword: {
    method: 'POST',
    path: '/api/auth/forgot-password',
    tag: 'Account',
    summary: 'Ask for a link to set a new password',
    description:
      'The answer is the same whether or not anybody has the address. The link comes by mail and ' +
      'is good once, for half an hour.',
    access: 'anyone',
    rateLimit: 'forgot-password',
    body: forgotPasswordRequest,
    success: { status: 202, description: 'If somebody has the address, a mail is on its way' },
    problems: [],
  },
  resetPassword: {
    method: 'POST',
    path: '/api/auth/reset-password',
    tag: 'Account',
    summary: 'Set a new password with the link',
    description: 'Ends all sessions, and unlocks the account.',
    access: 'anyone',
    rateLimit: 'password',
    body: resetPasswordRequest,
    cookies: true,
    success: { status: 204, description: 'The password is another one' },
    problems: ['reset-token-invalid'],
  },
  logoutAll: {
    method: 'POST',
    path: '/api/auth/logout-all',
    tag: 'Account',
    summary: 'Log out everywhere',
    description: 'Ends all sessions, this one too. Access tokens live on for minutes.',
    access: 'user',
    rateLimit: 'session',
    cookies: true,
    success: { status: 204, description: 'Logged out everywhere' },
    problems: [],
  },
} as const satisfies Record<string, ApiRoute>
