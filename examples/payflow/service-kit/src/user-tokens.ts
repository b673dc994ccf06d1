import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose'
import { idField } from '@payflow-app/contracts'
import { problem, unavailable } from './problem-error.ts'
import { rememberVerified } from './remember-verified.ts'

/** Who signs users' access tokens, and for whom. */
export const USER_TOKEN_ISSUER = 'payflow-auth'
export const USER_TOKEN_AUDIENCE = 'payflow'

/** Ed25519 (RFC 8037). Nothing else is accepted, `none` and HMAC least of all. */
export const USER_TOKEN_ALGORITHM = 'EdDSA'

/** Clocks of two machines differ by no more than this when they are synchronised at all. */
const CLOCK_TOLERANCE_S = 5

/** Withdrawing a key in a hurry means restarting the services. */
const JWKS_MAX_AGE_MS = 10 * 60_000

/** An unknown key id causes a fetch at most this often, however many forged tokens come. */
const JWKS_COOLDOWN_MS = 10_000

const JWKS_TIMEOUT_MS = 2_000

/** Whom an access token speaks for. */
export interface TokenUser {
  readonly userId: string
  readonly sessionId?: string
  /** Until when the token is valid, in Unix milliseconds: what stays open must not outlive it. */
  readonly expiresAtMs: number
}

/** Checks a user's access token. */
export interface UserTokens {
  /**
   * Returns the user the token was issued to, and in which session if it says so. Whether the
   * session has ended since is known to auth-service alone.
   *
   * @throws {@link ProblemError} `unauthenticated` (401), or `service-unavailable` (503) when no
   * public key has ever been fetched and none can be.
   */
  verify(token: string): Promise<TokenUser>
}

/** Where the public keys are: at a URL, or at hand. */
export type UserTokensOptions =
  | {
      readonly jwksUrl: string
      /**
       * After this the keys are fetched again; a withdrawn key lives on as long.
       * @defaultValue `600_000`
       */
      readonly maxAgeMs?: number
    }
  | { readonly jwks: JSONWebKeySet }

/**
 * Verifies access tokens locally with the public keys at `jwksUrl`. The keys are fetched with the
 * first token and kept. While auth-service is down the last known keys go on to serve, so that
 * whoever is logged in can keep paying. auth-service itself has the keys at hand: `jwks`.
 */
export function createUserTokens(options: UserTokensOptions): UserTokens {
  const findKey = 'jwks' in options ? createLocalJWKSet(options.jwks) : remoteKeys(options)
  const verify = async (token: string): Promise<TokenUser & { readonly expiresAtMs: number }> => {
    try {
      const { payload } = await jwtVerify(token, findKey, {
        issuer: USER_TOKEN_ISSUER,
        audience: USER_TOKEN_AUDIENCE,
        algorithms: [USER_TOKEN_ALGORITHM],
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_S,
      })
      const { sub, sid, exp = 0 } = payload
      return {
        userId: idField.parse(sub),
        ...(sid !== undefined && { sessionId: idField.parse(sid) }),
        expiresAtMs: exp * 1_000,
      }
    } catch (error) {
      if (error instanceof KeysUnavailableError) {
        throw unavailable('Tokens cannot be verified at the moment', error)
      }
      throw invalidToken(error)
    }
  }
  const maxAgeMs = 'jwks' in options ? undefined : options.maxAgeMs
  return { verify: rememberVerified(verify, maxAgeMs) }
}

function remoteKeys(options: { jwksUrl: string; maxAgeMs?: number }): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(options.jwksUrl), {
    cacheMaxAge: options.maxAgeMs ?? JWKS_MAX_AGE_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
  })
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) throw error
      const last = remote.jwks()
      if (last) return await createLocalJWKSet(last)(header, token)
      throw new KeysUnavailableError('The public keys cannot be fetched', { cause: error })
    }
  }
}

class KeysUnavailableError extends Error {}

/** The 401 for a token that was sent but does not hold. */
export function invalidToken(cause?: unknown): Error {
  const expired = cause instanceof errors.JWTExpired
  return problem('unauthenticated', {
    detail: expired ? 'The access token has expired' : 'The access token is not valid',
    cause,
    headers: { 'www-authenticate': 'Bearer realm="payflow", error="invalid_token"' },
  })
}
