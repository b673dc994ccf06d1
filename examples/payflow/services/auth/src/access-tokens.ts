import {
  USER_TOKEN_ALGORITHM,
  USER_TOKEN_AUDIENCE,
  USER_TOKEN_ISSUER,
} from '@payflow-app/service-kit'
import { calculateJwkThumbprint, importJWK, SignJWT, type JSONWebKeySet } from 'jose'

/** An Ed25519 key pair as a JWK. */
export interface PrivateJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly d: string
  readonly kid?: string | undefined
}

/** Signs access tokens. */
export interface AccessTokens {
  /** The public keys, for whoever verifies. */
  readonly jwks: JSONWebKeySet
  /** Seconds a token holds. */
  readonly expiresIn: number
  sign(user: { readonly userId: string; readonly sessionId: string }): Promise<string>
}

/** Creates the signer. A key without an id gets its RFC 7638 thumbprint as one. */
export async function createAccessTokens(
  { d, kid: givenId, ...publicJwk }: PrivateJwk,
  expiresIn: number,
): Promise<AccessTokens> {
  const kid = givenId ?? (await calculateJwkThumbprint(publicJwk))
  const key = await importJWK({ ...publicJwk, d }, USER_TOKEN_ALGORITHM)
  return {
    jwks: { keys: [{ ...publicJwk, kid, alg: USER_TOKEN_ALGORITHM, use: 'sig' }] },
    expiresIn,
    sign: async ({ userId, sessionId }) =>
      await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: USER_TOKEN_ALGORITHM, kid, typ: 'JWT' })
        .setIssuer(USER_TOKEN_ISSUER)
        .setAudience(USER_TOKEN_AUDIENCE)
        .setSubject(userId)
        .setIssuedAt()
        .setExpirationTime(`${expiresIn}s`)
        .sign(key),
  }
}
