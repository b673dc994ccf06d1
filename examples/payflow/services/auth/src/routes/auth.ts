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
import type { RefreshCookie } from '../refresh-cookie.ts'
import type { Session, Sessions } from '../sessions.ts'

/** What the routes need. */
export interface AuthRouteOptions {
  readonly sessions: Sessions
  readonly cookie: RefreshCookie
  readonly userTokens: UserTokens
}

/** `/auth/*` */
export function authRoutes(app: Express, { sessions, cookie, userTokens }: AuthRouteOptions): void {
  const answer = (res: Response, { view, refreshToken }: Session): void => {
    cookie.set(res, refreshToken)
    res.setHeader('cache-control', 'no-store')
    res.json(view)
  }
  route(app, '/auth/register', {
    post: [
      async (req, res) => {
        const session = await sessions.register(parse(registerRequest, req.body))
        answer(res.status(201), session)
      },
    ],
  })
  route(app, '/auth/login', {
    post: [async (req, res) => answer(res, await sessions.login(parse(loginRequest, req.body)))],
  })
  route(app, '/auth/refresh', {
    post: [
      async (req, res) => {
        const token = cookie.read(req)
        if (token === undefined) throw problem('refresh-token-invalid')
        answer(res, await sessions.refresh(token))
      },
    ],
  })
  route(app, '/auth/logout', {
    post: [
      async (req, res) => {
        const token = cookie.read(req)
        if (token !== undefined) await sessions.logout(token)
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
