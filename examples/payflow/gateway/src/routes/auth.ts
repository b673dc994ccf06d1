import { idParams, loginRequest, registerRequest, userSearchQuery } from '@payflow-app/contracts'
import {
  parse,
  requireUser,
  route,
  type HttpClient,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express } from 'express'
import { forward } from '../forward.ts'
import { queryString } from '../query-string.ts'

/** `/api/auth/*` and `/api/users`, behind which is auth-service. */
export function authRoutes(app: Express, auth: HttpClient, userTokens: UserTokens): void {
  route(app, '/api/auth/register', {
    post: [
      async (req, res) => {
        const json = parse(registerRequest, req.body)
        await forward(auth, req, res, {
          method: 'POST',
          path: '/auth/register',
          json,
          cookies: true,
        })
      },
    ],
  })
  route(app, '/api/auth/login', {
    post: [
      async (req, res) => {
        const json = parse(loginRequest, req.body)
        await forward(auth, req, res, { method: 'POST', path: '/auth/login', json, cookies: true })
      },
    ],
  })
  for (const path of ['/auth/refresh', '/auth/logout']) {
    route(app, `/api${path}`, {
      post: [async (req, res) => forward(auth, req, res, { method: 'POST', path, cookies: true })],
    })
  }
  route(app, '/api/auth/me', {
    get: [
      requireUser(userTokens),
      async (req, res) => forward(auth, req, res, { method: 'GET', path: '/auth/me' }),
    ],
  })
  route(app, '/api/users', {
    get: [
      requireUser(userTokens),
      async (req, res) => {
        const query = queryString(parse(userSearchQuery, req.query, 'query'))
        await forward(auth, req, res, { method: 'GET', path: `/users${query}` })
      },
    ],
  })
  route(app, '/api/users/:id', {
    get: [
      requireUser(userTokens),
      async (req, res) => {
        const { id } = parse(idParams, req.params, 'path')
        await forward(auth, req, res, { method: 'GET', path: `/users/${id}` })
      },
    ],
  })
}
