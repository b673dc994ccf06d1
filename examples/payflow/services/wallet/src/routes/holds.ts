import {
  holdRequest,
  idField,
  postRefundRequest,
  postTransferRequest,
} from '@payflow-app/contracts'
import { parse, requireService, route, type ServiceAudience } from '@payflow-app/service-kit'
import type { Executor, Ledger } from '@payflow/ledger'
import type { Express } from 'express'
import { z } from 'zod'
import { placeHold, postHold, releaseHold } from '../holds.ts'
import { postRefund } from '../refunds.ts'

/** What the routes need. */
export interface HoldRouteOptions {
  readonly db: Executor
  readonly ledger: Ledger
  readonly services: ServiceAudience
}

const holdParams = z.object({ id: idField })

/** The life of a payment in the ledger: reserve, then post or release; refund. For services only. */
export function holdRoutes(app: Express, { db, ledger, services }: HoldRouteOptions): void {
  const service = requireService(services)
  route(app, '/wallets/holds', {
    post: [
      service,
      async (req, res) => {
        res.status(201).json(await placeHold(db, ledger, parse(holdRequest, req.body)))
      },
    ],
  })
  route(app, '/wallets/transfer', {
    post: [
      service,
      async (req, res) => {
        res.json(await postHold(db, ledger, parse(postTransferRequest, req.body)))
      },
    ],
  })
  route(app, '/wallets/refunds', {
    post: [
      service,
      async (req, res) => {
        res.json(await postRefund(db, ledger, parse(postRefundRequest, req.body)))
      },
    ],
  })
  route(app, '/wallets/holds/:id/release', {
    post: [
      service,
      async (req, res) => {
        const { id } = parse(holdParams, req.params, 'path')
        res.json(await releaseHold(db, ledger, id))
      },
    ],
  })
}
