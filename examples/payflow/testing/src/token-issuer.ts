import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  USER_TOKEN_ALGORITHM,
  USER_TOKEN_AUDIENCE,
  USER_TOKEN_ISSUER,
} from '@payflow-app/service-kit'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** Signs access tokens and publishes the key, as auth-service does. */
export interface TokenIssuer extends AsyncDisposable {
  readonly jwksUrl: string
  /** An access token of this user; `claims` replaces what it says. */
  accessToken(userId: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** An access token of this user that is valid for so many seconds. */
  expiringToken(userId: string, validForS: number): Promise<string>
}

/** Starts an issuer whose tokens the services accept, without users or passwords. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair(USER_TOKEN_ALGORITHM)
  const kid = 'test'
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: USER_TOKEN_ALGORITHM, use: 'sig' }
  const server = createServer((_req, res) => {
    res.setHeader('content-type', 'application/json')
    res.setHeader('connection', 'close')
    res.end(JSON.stringify({ keys: [jwk] }))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  const sign = (userId: string, claims: object, validFor: string) =>
    new SignJWT({ sub: userId, iss: USER_TOKEN_ISSUER, aud: USER_TOKEN_AUDIENCE, ...claims })
      .setProtectedHeader({ alg: USER_TOKEN_ALGORITHM, kid })
      .setIssuedAt()
      .setExpirationTime(validFor)
      .sign(privateKey)
  return {
    jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    accessToken: (userId, claims = {}) => sign(userId, claims, '15m'),
    expiringToken: (userId, validForS) => sign(userId, {}, `${validForS}s`),
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
