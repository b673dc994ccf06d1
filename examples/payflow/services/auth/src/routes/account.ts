import {
  activityListQuery,
  changePasswordRequest,
  forgotPasswordRequest,
  idParams,
  resetPasswordRequest,
} from '@payflow-app/contracts'
import { parse, route, type UserTokens } from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { Accounts } from '../account.ts'
import type { ReadClient } from '../client-info.ts'
import type { DeviceCookie, RefreshCookie } from '../cookies.ts'
import type { PasswordResets } from '../password-resets.ts'
import { ownerOf, requireSession } from './require-session.ts'

/** What the routes need. */
export interface AccountRouteOptions {
  readonly accounts: Accounts
  readonly resets: PasswordResets
  readonly cookies: { readonly refresh: RefreshCookie; readonly device: DeviceCookie }
  readonly clientOf: ReadClient
  readonly userTokens: UserTokens
}

/** The routes by which people keep their account safe: `/auth/sessions` and its neighbours. */
export function accountRoutes(app: Express, options: AccountRouteOptions): void {
  const { accounts, cookies, clientOf, userTokens } = options
  const owner = requireSession(userTokens, accounts)
  route(app, '/auth/sessions', {
    get: [...owner, async (req, res) => void res.json(await accounts.sessions(ownerOf(req)))],
  })
  route(app, '/auth/sessions/:id', {
    delete: [
      ...owner,
      async (req, res) => {
        const { id } = parse(idParams, req.params, 'path')
        await accounts.endSession(ownerOf(req), id, clientOf(req))
        res.status(204).end()
      },
    ],
  })
  route(app, '/auth/logout-all', {
    post: [
      ...owner,
      async (req, res) => {
        await accounts.logoutAll(ownerOf(req), clientOf(req))
        cookies.refresh.clear(res)
        res.status(204).end()
      },
    ],
  })
  route(app, '/auth/activity', {
    get: [
      ...owner,
      async (req, res) => {
        const query = parse(activityListQuery, req.query, 'query')
        res.json(await accounts.activity(ownerOf(req), query))
      },
    ],
  })
  route(app, '/auth/change-password', {
    post: [
      ...owner,
      async (req, res) => {
        const request = parse(changePasswordRequest, req.body)
        const token = await accounts.changePassword(ownerOf(req), request, clientOf(req))
        cookies.device.set(res, token)
        res.status(204).end()
      },
    ],
  })
  resetRoutes(app, options)
}

function resetRoutes(app: Express, { resets, cookies, clientOf }: AccountRouteOptions): void {
  route(app, '/auth/forgot-password', {
    post: [
      async (req, res) => {
        await resets.request(parse(forgotPasswordRequest, req.body).email, clientOf(req))
        res.status(202).end()
      },
    ],
  })
  route(app, '/auth/reset-password', {
    post: [
      async (req, res) => {
        const token = await resets.reset(parse(resetPasswordRequest, req.body), clientOf(req))
        cookies.refresh.clear(res)
        cookies.device.set(res, token)
        res.status(204).end()
      },
    ],
  })
}
