/*
 * Goal: a set of keys that would publish a secret, or mix two keys up, never gets as far as a server.
 * Method: the configuration as auth-service reads it, with generated keys.
 */
import { ConfigError, loadConfig } from '@payflow-app/service-kit'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { authFaults, authVariables } from '../src/config.ts'
import { keyIdOf, newPrivateJwk, publicHalfOf } from '../src/keys.ts'

const current = newPrivateJwk()
const next = newPrivateJwk()

/** What auth-service would say of these keys: nothing, if all is well. */
function faultsOf(jwks: unknown): string[] {
  const environment = {
    DATABASE_URL: 'postgres://localhost/auth',
    WALLET_URL: 'http://localhost',
    RABBITMQ_URL: 'amqp://localhost',
    SERVICE_KEY_AUTH_TO_WALLET: 'w'.repeat(32),
    SERVICE_KEY_NOTIFICATION_TO_AUTH: 'n'.repeat(32),
    ADDRESS_HASH_KEY: 'a'.repeat(32),
    AUTH_PRIVATE_JWK: JSON.stringify(current),
    AUTH_PUBLIC_JWKS: JSON.stringify(jwks),
  }
  try {
    const faults = authFaults(loadConfig(z.object(authVariables), environment))
    return faults.map(({ name, message }) => `${name}: ${message}`)
  } catch (error) {
    if (ConfigError.is(error)) return error.faults.map(({ name, message }) => `${name}: ${message}`)
    throw error
  }
}

const malformed =
  'AUTH_PUBLIC_JWKS: must be a JWK set of Ed25519 public keys, each with a kid and none with its ' +
  'private part'

describe('AUTH_PUBLIC_JWKS', () => {
  test('takes the public halves of other keys, and of the one that signs', () => {
    expect(faultsOf({ keys: [publicHalfOf(next), publicHalfOf(current)] })).toEqual([])
    expect(faultsOf({ keys: [] })).toEqual([])
  })

  test('refuses a private key, a key without a name, and what is no key', () => {
    const { kid: _, ...nameless } = publicHalfOf(next)
    const rsa = { kty: 'RSA', n: 'a', e: 'AQAB', kid: 'rsa' }
    for (const key of [next, nameless, rsa, null]) {
      expect(faultsOf({ keys: [key] })).toEqual([malformed])
    }
  })

  test('refuses one name for two keys', () => {
    const { kid } = publicHalfOf(current)
    const faults = faultsOf({ keys: [{ ...publicHalfOf(next), kid }] })
    expect(faults).toEqual(['AUTH_PUBLIC_JWKS: gives one kid to two different keys'])
  })
})

test('a key without a name goes by the thumbprint of RFC 8037, appendix A.3', () => {
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
  const thumbprint = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
  expect(keyIdOf({ kty: 'OKP', crv: 'Ed25519', x })).toBe(thumbprint)
})
