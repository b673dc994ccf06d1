import { contactsQuery, type ContactsView } from '@payflow-app/contracts'
import { parse, requireService, route, type ServiceVerifier } from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import { findContacts } from '../sql/find-contacts.ts'

/** What the route needs. */
export interface ContactRouteOptions {
  readonly db: Kysely<AuthDatabase>
  readonly services: ServiceVerifier
}

/**
 * `GET /internal/contacts?ids=…`: where mail to some users goes, for who sends it. Not
 * for users, and not reachable through the gateway, which forwards only what the contract names.
 */
export function contactRoutes(app: Express, { db, services }: ContactRouteOptions): void {
  route(app, '/internal/contacts', {
    get: [
      requireService(services, 'readContacts'),
      async (req, res) => {
        const { ids } = parse(contactsQuery, req.query, 'query')
        res.setHeader('cache-control', 'no-store')
        res.json({ items: await findContacts(db, ids) } satisfies ContactsView)
      },
    ],
  })
}
