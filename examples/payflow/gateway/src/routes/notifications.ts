import { idParams, notificationListQuery } from '@payflow-app/contracts'
import {
  parse,
  requireUser,
  route,
  type HttpClient,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express } from 'express'
import { forward } from '../forward.ts'
import { queryString } from '../query-string.ts'

/** `/api/notifications` */
export function notificationRoutes(
  app: Express,
  notification: HttpClient,
  userTokens: UserTokens,
): void {
  const user = requireUser(userTokens)
  route(app, '/api/notifications', {
    get: [
      user,
      async (req, res) => {
        const query = queryString(parse(notificationListQuery, req.query, 'query'))
        await forward(notification, req, res, { method: 'GET', path: `/notifications${query}` })
      },
    ],
  })
  route(app, '/api/notifications/:id/read', {
    put: [
      user,
      async (req, res) => {
        const { id } = parse(idParams, req.params, 'path')
        const path = `/notifications/${id}/read`
        await forward(notification, req, res, { method: 'PUT', path })
      },
    ],
  })
}
