import { route, type HttpClient } from '@payflow-app/service-kit'
import type { Express } from 'express'
import { forward } from '../forward.ts'

/** `GET /api/status`: how payments as a whole are doing. Needs no token, and tells of nobody. */
export function statusRoutes(app: Express, transaction: HttpClient): void {
  route(app, '/api/status', {
    get: [
      async (req, res) => {
        await forward(transaction, req, res, { method: 'GET', path: '/status' })
      },
    ],
  })
}
