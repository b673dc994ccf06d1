/*
 * Everybody who may try a route: its owner, somebody else, and tokens that must not hold.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  USER_TOKEN_ALGORITHM,
  USER_TOKEN_AUDIENCE,
  USER_TOKEN_ISSUER,
} from '@payflow-app/service-kit'
import { serviceTokenOf, type ServiceKeys } from '@payflow-app/service-kit/testing'
import type { Stack } from '@payflow-app/stack'
import { calculateJwkThumbprint, decodeJwt, importJWK, SignJWT, UnsecuredJWT, type JWK } from 'jose'

/** Who calls, as a column of the table. */
export const CALLERS = [
  'anonymous',
  'expired',
  'alg=none',
  'wrong audience',
  'service token',
  'other user',
  'owner',
] as const

/** Who calls. */
export type Caller = (typeof CALLERS)[number]

/** The access token of each caller, where it has one. */
export type CallerTokens = Readonly<Record<Caller, string | undefined>>

/** What the running processes know, and nobody else. */
export function secretsOf(stack: Stack): { authPrivateJwk: string; serviceKeys: ServiceKeys } {
  return JSON.parse(readFileSync(join(stack.dir, 'secrets.json'), 'utf8'))
}

/**
 * Makes the tokens, with the very key and secret of the running services: each has one thing wrong,
 * and that alone must be why it does not hold.
 */
export async function callerTokens(
  stack: Stack,
  owner: { readonly id: string; readonly accessToken: string },
  other: { readonly accessToken: string },
): Promise<CallerTokens> {
  const { authPrivateJwk, serviceKeys } = secretsOf(stack)
  const jwk = JSON.parse(authPrivateJwk) as JWK
  const key = await importJWK(jwk, USER_TOKEN_ALGORITHM)
  const kid = jwk.kid ?? (await calculateJwkThumbprint(jwk))
  // The owner's session goes on, whatever else is wrong with a token.
  const { sid } = decodeJwt(owner.accessToken)
  const signed = (audience: string, expires: string) =>
    new SignJWT({ sid })
      .setProtectedHeader({ alg: USER_TOKEN_ALGORITHM, kid, typ: 'JWT' })
      .setIssuer(USER_TOKEN_ISSUER)
      .setAudience(audience)
      .setSubject(owner.id)
      .setIssuedAt('1 hour ago')
      .setExpirationTime(expires)
      .sign(key)
  return {
    anonymous: undefined,
    expired: await signed(USER_TOKEN_AUDIENCE, '1 minute ago'),
    'alg=none': new UnsecuredJWT({})
      .setIssuer(USER_TOKEN_ISSUER)
      .setAudience(USER_TOKEN_AUDIENCE)
      .setSubject(owner.id)
      .setExpirationTime('1h')
      .encode(),
    'wrong audience': await signed('another-system', '1 hour from now'),
    'service token': await serviceTokenOf(serviceKeys, {
      caller: 'transaction',
      audience: 'wallet',
    }),
    'other user': other.accessToken,
    // Not the one that auth-service issued: what holds here fails above for one reason only.
    owner: await signed(USER_TOKEN_AUDIENCE, '1 hour from now'),
  }
}
