import {
  USER_TOKEN_ALGORITHM,
  USER_TOKEN_AUDIENCE,
  USER_TOKEN_ISSUER,
} from '@payflow-app/service-kit'
import { importJWK, SignJWT, type JSONWebKeySet } from 'jose'
import { keyIdOf, publicHalfOf, type PrivateJwk, type PublicJwk } from './keys.ts'

/** Signs access tokens. */
export interface AccessTokens {
  /** The public keys, for whoever verifies. */
  readonly jwks: JSONWebKeySet
  /** Seconds a token holds. */
  readonly expiresIn: number
  sign(user: { readonly userId: string; readonly sessionId: string }): Promise<string>
}

/** Options of {@link createAccessTokens}. */
export interface AccessTokensOptions {
  readonly signingKey: PrivateJwk
  /** Published beside it, for tokens that were or will be signed with them. */
  readonly publicKeys: readonly PublicJwk[]
  readonly expiresIn: number
}

/** Creates the signer. */
export async function createAccessTokens({
  signingKey,
  publicKeys,
  expiresIn,
}: AccessTokensOptions): Promise<AccessTokens> {
  const kid = keyIdOf(signingKey)
  const key = await importJWK({ ...signingKey, kid }, USER_TOKEN_ALGORITHM)
  const published = new Map(
    [publicHalfOf(signingKey), ...publicKeys].map((one) => [one.kid, one] as const),
  )
  return {
    jwks: {
      keys: [...published.values()].map(({ kty, crv, x, kid: id }) => ({
        kty,
        crv,
        x,
        kid: id,
        alg: USER_TOKEN_ALGORITHM,
        use: 'sig',
      })),
    },
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
