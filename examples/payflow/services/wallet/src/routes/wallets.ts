import { idField, openWalletRequest } from '@payflow-app/contracts'
import {
  callerOf,
  parse,
  problem,
  requireService,
  requireUserOrService,
  route,
  type ServiceVerifier,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express } from 'express'
import { z } from 'zod'
import { openWallet, type OpenWalletOptions } from '../open-wallet.ts'
import { readWallet } from '../wallet-view.ts'

/** What the routes need. */
export interface WalletRouteOptions extends OpenWalletOptions {
  readonly userTokens: UserTokens
  readonly services: ServiceVerifier
}

const walletParams = z.object({ userId: idField })

/** `POST /wallets` for services, `GET /wallets/:userId` for services and the wallet's owner. */
export function walletRoutes(app: Express, options: WalletRouteOptions): void {
  route(app, '/wallets', {
    post: [
      requireService(options.services, 'openWallet'),
      async (req, res) => {
        const wallet = parse(openWalletRequest, req.body)
        await openWallet(options, wallet)
        res
          .status(201)
          .json(await readWallet(options.db, options.ledger, wallet.userId, wallet.currency))
      },
    ],
  })
  route(app, '/wallets/:userId', {
    get: [
      requireUserOrService(options.userTokens, options.services, 'readWallet'),
      async (req, res) => {
        const { userId } = parse(walletParams, req.params, 'path')
        const caller = callerOf(req)
        // Whether somebody else has a wallet is nobody's business, so both answers look the same.
        if (caller.kind === 'user' && caller.userId !== userId) {
          throw problem('not-found', { detail: 'There is no such wallet' })
        }
        res.json(await readWallet(options.db, options.ledger, userId))
      },
    ],
  })
}
