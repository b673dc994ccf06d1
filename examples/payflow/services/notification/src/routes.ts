import {
  idParams,
  notificationListQuery,
  notificationPreferencesRequest,
  type NotificationPage,
  type NotificationPreferencesView,
  type UnreadCountView,
} from '@payflow-app/contracts'
import {
  decodeCursor,
  encodeCursor,
  parse,
  problem,
  requireUser,
  route,
  userOf,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express, Request } from 'express'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { NotificationDatabase } from './database.ts'
import { countUnread } from './sql/count-unread.ts'
import { deleteNotification } from './sql/delete-notification.ts'
import { listNotifications, type ListedNotification } from './sql/list-notifications.ts'
import { markRead } from './sql/mark-read.ts'
import { readPaymentMails, writePaymentMails } from './sql/payment-mails.ts'
import { toNotificationView } from './view.ts'

/** What the routes need. */
export interface NotificationRouteOptions {
  readonly db: Kysely<NotificationDatabase>
  readonly userTokens: UserTokens
}

/** PostgreSQL knows no year 0, which ISO 8601 does. */
const place = z.tuple([z.iso.datetime({ precision: 6 }).regex(/^[1-9]/), z.uuid()])

/** `/notifications`: all of it for the user of the token only. */
export function notificationRoutes(app: Express, options: NotificationRouteOptions): void {
  const { db, userTokens } = options
  const user = requireUser(userTokens)
  route(app, '/notifications', {
    get: [user, async (req, res) => void res.json(await notificationPage(db, req))],
  })
  // Before the routes of one notification, whose id these names would else be taken for.
  route(app, '/notifications/unread', {
    get: [
      user,
      async (req, res) => {
        const unread = await countUnread(db, userOf(req).userId)
        res.json({ unread } satisfies UnreadCountView)
      },
    ],
  })
  preferenceRoutes(app, options)
  route(app, '/notifications/:id', {
    delete: [
      user,
      async (req, res) => {
        const { id } = parse(idParams, req.params, 'path')
        const deleted = await deleteNotification(db, { id, userId: userOf(req).userId })
        if (!deleted) throw problem('not-found', { detail: 'There is no such notification' })
        res.status(204).end()
      },
    ],
  })
  route(app, '/notifications/:id/read', {
    put: [
      user,
      async (req, res) => {
        const { id } = parse(idParams, req.params, 'path')
        // The same answer to what is not there and to what is not theirs.
        const marked = await markRead(db, { id, userId: userOf(req).userId })
        if (!marked) throw problem('not-found', { detail: 'There is no such notification' })
        res.json(toNotificationView(marked))
      },
    ],
  })
}

function preferenceRoutes(app: Express, { db, userTokens }: NotificationRouteOptions): void {
  const user = requireUser(userTokens)
  const view = (paymentMails: boolean): NotificationPreferencesView => ({
    paymentMails,
    securityMails: true,
  })
  route(app, '/notifications/preferences', {
    get: [
      user,
      async (req, res) => void res.json(view(await readPaymentMails(db, userOf(req).userId))),
    ],
    put: [
      user,
      async (req, res) => {
        const { paymentMails } = parse(notificationPreferencesRequest, req.body)
        await writePaymentMails(db, { userId: userOf(req).userId, paymentMails })
        res.json(view(paymentMails))
      },
    ],
  })
}

async function notificationPage(
  db: Kysely<NotificationDatabase>,
  req: Request,
): Promise<NotificationPage> {
  const { limit, cursor } = parse(notificationListQuery, req.query, 'query')
  const [createdAt, id] = decodeCursor(place, cursor) ?? []
  const rows = await listNotifications(db, {
    userId: userOf(req).userId,
    after: createdAt !== undefined && id !== undefined ? { createdAt, id } : undefined,
    limit: limit + 1, // One more than shown tells whether there is another page.
  })
  const shown = rows.slice(0, limit)
  const nextCursor = rows.length > limit ? cursorOf(shown.at(-1)) : null
  return { items: shown.map(toNotificationView), nextCursor }
}

function cursorOf(last: ListedNotification | undefined): string | null {
  return last ? encodeCursor([last.place, last.id]) : null
}
