import { route } from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { JSONWebKeySet } from 'jose'

/** `GET /.well-known/jwks.json`: the public keys that access tokens are verified with. */
export function jwksRoutes(app: Express, jwks: JSONWebKeySet): void {
  route(app, '/.well-known/jwks.json', {
    get: [
      (_req, res) => {
        res.setHeader('cache-control', 'public, max-age=300')
        res.type('application/jwk-set+json').send(JSON.stringify(jwks))
      },
    ],
  })
}
