import { loginRequest, registerRequest } from '@payflow-app/contracts'
import {
  parse,
  problem,
  requireUser,
  route,
  userOf,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express, Response } from 'express'
import type { ReadClient } from '../client-info.ts'
import type { DeviceCookie, RefreshCookie } from '../cookies.ts'
import type { Session, Sessions } from '../sessions.ts'

/** What the routes need. */
export interface AuthRouteOptions {
  readonly sessions: Sessions
  readonly cookies: { readonly refresh: RefreshCookie; readonly device: DeviceCookie }
  readonly clientOf: ReadClient
  readonly userTokens: UserTokens
}

/** `/auth/*` */
export function authRoutes(
  app: Express,
  { sessions, cookies, clientOf, userTokens }: AuthRouteOptions,
): void {
  const cookie = cookies.refresh
  const answer = (res: Response, { view, refreshToken, deviceToken }: Session): void => {
    cookie.set(res, refreshToken)
    if (deviceToken !== undefined) cookies.device.set(res, deviceToken)
    res.setHeader('cache-control', 'no-store')
    res.json(view)
  }
  route(app, '/auth/register', {
    post: [
      async (req, res) => {
        const session = await sessions.register(parse(registerRequest, req.body), clientOf(req))
        answer(res.status(201), session)
      },
    ],
  })
  route(app, '/auth/login', {
    post: [
      async (req, res) => {
        answer(res, await sessions.login(parse(loginRequest, req.body), clientOf(req)))
      },
    ],
  })
  route(app, '/auth/refresh', {
    post: [
      async (req, res) => {
        const token = cookie.read(req)
        if (token === undefined) throw problem('refresh-token-invalid')
        answer(res, await sessions.refresh(token, clientOf(req)))
      },
    ],
  })
  route(app, '/auth/logout', {
    post: [
      async (req, res) => {
        const token = cookie.read(req)
        if (token !== undefined) await sessions.logout(token, clientOf(req))
        cookie.clear(res)
        res.status(204).end()
      },
    ],
  })
  route(app, '/auth/me', {
    get: [
      requireUser(userTokens),
      async (req, res) => void res.json({ user: await sessions.me(userOf(req).userId) }),
    ],
  })
}
