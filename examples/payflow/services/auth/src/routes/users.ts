import { userSearchQuery, type RecipientPage } from '@payflow-app/contracts'
import { parse, requireUser, route, userOf, type UserTokens } from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import { searchUsers } from '../sql/search-users.ts'

/** What the routes need. */
export interface UserRouteOptions {
  readonly db: Kysely<AuthDatabase>
  readonly userTokens: UserTokens
}

/** `GET /users?query=` */
export function userRoutes(app: Express, { db, userTokens }: UserRouteOptions): void {
  route(app, '/users', {
    get: [
      requireUser(userTokens),
      async (req, res) => {
        const { query } = parse(userSearchQuery, req.query, 'query')
        const items = await searchUsers(db, { query, exceptId: userOf(req).userId })
        res.json({ items, nextCursor: null } satisfies RecipientPage)
      },
    ],
  })
}
