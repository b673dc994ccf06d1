import { idParams, type ContactView } from '@payflow-app/contracts'
import { parse, problem, requireService, route } from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import { findUserById } from '../sql/find-user.ts'

/** What the route needs. */
export interface ContactRouteOptions {
  readonly db: Kysely<AuthDatabase>
  /** The secret of service tokens. */
  readonly secret: string
}

/**
 * `GET /internal/users/:id/contact`: where mail to a user goes, for whichever service sends it. Not
 * for users, and not reachable through the gateway, which forwards only what the contract names.
 */
export function contactRoutes(app: Express, { db, secret }: ContactRouteOptions): void {
  route(app, '/internal/users/:id/contact', {
    get: [
      requireService({ secret, audience: 'auth' }),
      async (req, res) => {
        const user = await findUserById(db, parse(idParams, req.params, 'path').id)
        if (!user) throw problem('not-found', { detail: 'There is no such user' })
        const { id: userId, email, name } = user
        res.setHeader('cache-control', 'no-store')
        res.json({ userId, email, name } satisfies ContactView)
      },
    ],
  })
}
