import {
  holdRequest,
  idField,
  postRefundRequest,
  postTransferRequest,
} from '@payflow-app/contracts'
import { parse, requireService, route, type ServiceVerifier } from '@payflow-app/service-kit'
import type { Executor, Ledger } from '@payflow/ledger'
import type { Express } from 'express'
import { z } from 'zod'
import { placeHold, postHold, releaseHold } from '../holds.ts'
import { postRefund } from '../refunds.ts'

/** What the routes need. */
export interface HoldRouteOptions {
  readonly db: Executor
  readonly ledger: Ledger
  readonly services: ServiceVerifier
}

const holdParams = z.object({ id: idField })

/** The life of a payment in the ledger: reserve, then post or release; refund. For services only. */
export function holdRoutes(app: Express, { db, ledger, services }: HoldRouteOptions): void {
  route(app, '/wallets/holds', {
    post: [
      requireService(services, 'placeHold'),
      async (req, res) => {
        res.status(201).json(await placeHold(db, ledger, parse(holdRequest, req.body)))
      },
    ],
  })
  route(app, '/wallets/transfer', {
    post: [
      requireService(services, 'postHold'),
      async (req, res) => {
        res.json(await postHold(db, ledger, parse(postTransferRequest, req.body)))
      },
    ],
  })
  route(app, '/wallets/refunds', {
    post: [
      requireService(services, 'postRefund'),
      async (req, res) => {
        res.json(await postRefund(db, ledger, parse(postRefundRequest, req.body)))
      },
    ],
  })
  route(app, '/wallets/holds/:id/release', {
    post: [
      requireService(services, 'releaseHold'),
      async (req, res) => {
        const { id } = parse(holdParams, req.params, 'path')
        res.json(await releaseHold(db, ledger, id))
      },
    ],
  })
}
