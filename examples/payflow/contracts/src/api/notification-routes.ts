import {
  notificationListQuery,
  notificationPage,
  notificationPreferencesRequest,
  notificationPreferencesView,
  notificationView,
  unreadCountView,
} from '../notifications.ts'
import { idParams } from '../transactions.ts'
import type { ApiRoute } from './api-route.ts'

/** The routes under `/api/notifications`. */
export const notificationRoutes = {
  listNotifications: {
    method: 'GET',
    path: '/api/notifications',
    tag: 'Notifications',
    summary: 'List what happened',
    description: 'Newest first.',
    access: 'user',
    rateLimit: 'use',
    query: notificationListQuery,
    success: { status: 200, description: 'A page of notifications', body: notificationPage },
    problems: [],
  },
  countUnreadNotifications: {
    method: 'GET',
    path: '/api/notifications/unread',
    tag: 'Notifications',
    summary: 'Count what is not read',
    access: 'user',
    rateLimit: 'use',
    success: { status: 200, description: 'How many', body: unreadCountView },
    problems: [],
  },
  getNotificationPreferences: {
    method: 'GET',
    path: '/api/notifications/preferences',
    tag: 'Notifications',
    summary: 'Show what is told by e-mail',
    access: 'user',
    rateLimit: 'use',
    success: {
      status: 200,
      description: 'What is told by e-mail',
      body: notificationPreferencesView,
    },
    problems: [],
  },
  setNotificationPreferences: {
    method: 'PUT',
    path: '/api/notifications/preferences',
    tag: 'Notifications',
    summary: 'Choose what is told by e-mail',
    description:
      'E-mails about payments can be switched off, also those that wait to be sent. E-mails about ' +
      'the safety of the account cannot.',
    access: 'user',
    rateLimit: 'use',
    body: notificationPreferencesRequest,
    success: {
      status: 200,
      description: 'What is told by e-mail from now on',
      body: notificationPreferencesView,
    },
    problems: [],
  },
  markNotificationRead: {
    method: 'PUT',
    path: '/api/notifications/:id/read',
    tag: 'Notifications',
    summary: 'Mark a notification as read',
    description: 'Once read it stays read; repeating the call changes nothing.',
    access: 'user',
    rateLimit: 'use',
    params: idParams,
    success: { status: 200, description: 'The notification', body: notificationView },
    problems: ['not-found'],
  },
  deleteNotification: {
    method: 'DELETE',
    path: '/api/notifications/:id',
    tag: 'Notifications',
    summary: 'Delete a notification',
    description: 'The payment stays as it is. What is deleted is not there for a second call.',
    access: 'user',
    rateLimit: 'use',
    params: idParams,
    success: { status: 204, description: 'Deleted' },
    problems: ['not-found'],
  },
} as const satisfies Record<string, ApiRoute>
