import { requireService, route } from '@payflow-app/service-kit'
import type { Express } from 'express'
import { auditLedger } from '../audit.ts'
import type { HoldRouteOptions } from './holds.ts'

/** `GET /wallets/audit`, for services. */
export function auditRoutes(app: Express, { db, ledger, services }: HoldRouteOptions): void {
  route(app, '/wallets/audit', {
    get: [
      requireService(services, 'auditLedger'),
      async (_req, res) => {
        res.json(await auditLedger(db, ledger))
      },
    ],
  })
}
