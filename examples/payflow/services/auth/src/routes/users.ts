import {
  idParams,
  userSearchQuery,
  type RecipientPage,
  type RecipientView,
} from '@payflow-app/contracts'
import {
  parse,
  problem,
  requireUser,
  route,
  userOf,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import { findUserById } from '../sql/find-user.ts'
import { searchUsers } from '../sql/search-users.ts'

/** What the routes need. */
export interface UserRouteOptions {
  readonly db: Kysely<AuthDatabase>
  readonly userTokens: UserTokens
}

/** `GET /users?query=` finds people to pay; `GET /users/:id` names somebody who paid. */
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
  // Ids are random enough that nobody meets one without a payment or a search.
  route(app, '/users/:id', {
    get: [
      requireUser(userTokens),
      async (req, res) => {
        const user = await findUserById(db, parse(idParams, req.params, 'path').id)
        if (!user) throw problem('not-found', { detail: 'There is no such user' })
        const { id, name, email } = user
        res.json({ id, name, email } satisfies RecipientView)
      },
    ],
  })
}
