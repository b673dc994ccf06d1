import {
  requireUser,
  route,
  userOf,
  type HttpClient,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express } from 'express'
import { forward } from '../forward.ts'

/** `GET /api/wallets/me`. Whose wallet it is comes from the token and from nowhere else. */
export function walletRoutes(app: Express, wallet: HttpClient, userTokens: UserTokens): void {
  route(app, '/api/wallets/me', {
    get: [
      requireUser(userTokens),
      async (req, res) => {
        await forward(wallet, req, res, { method: 'GET', path: `/wallets/${userOf(req).userId}` })
      },
    ],
  })
}
