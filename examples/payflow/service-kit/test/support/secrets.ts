import { randomBytes } from 'node:crypto'
import {
  INTERNAL_ROUTES,
  SERVICE_KEY_NAMES,
  serviceKeyName,
  type ServiceCall,
  type ServiceKeyName,
} from '@payflow-app/contracts/internal'
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { mintServiceToken, USER_TOKEN_ALGORITHM } from '../../src/index.ts'

/** The keys of all calls between services, as environment variables. */
export type ServiceKeys = Readonly<Record<ServiceKeyName, string>>

/** The secrets of one system, as environment variables. */
export interface Secrets extends ServiceKeys {
  readonly AUTH_PRIVATE_JWK: string
  readonly ADDRESS_HASH_KEY: string
}

/** Draws the secrets of one system. */
export async function newSecrets(): Promise<Secrets> {
  const { privateKey } = await generateKeyPair(USER_TOKEN_ALGORITHM, { extractable: true })
  return {
    AUTH_PRIVATE_JWK: JSON.stringify(await exportJWK(privateKey)),
    ADDRESS_HASH_KEY: random(),
    ...newServiceKeys(),
  }
}

/** Draws the keys of all calls between services. */
export function newServiceKeys(): ServiceKeys {
  return Object.fromEntries(SERVICE_KEY_NAMES.map((name) => [name, random()])) as Record<
    ServiceKeyName,
    string
  >
}

/** Makes the token of one call, with the key of that call. */
export function serviceTokenOf(keys: ServiceKeys, call: ServiceCall): Promise<string> {
  return mintServiceToken({ ...call, key: [keys[serviceKeyName(call)]] })
}

/** A token that claims a call and names the key of that call, but is signed with a stolen one. */
export async function forgedTokenOf(
  keys: ServiceKeys,
  call: ServiceCall,
  stolen: ServiceKeyName,
): Promise<string> {
  const { kid = '' } = decodeProtectedHeader(await serviceTokenOf(keys, call))
  return await new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'service+jwt', kid })
    .setIssuer(call.caller)
    .setAudience(call.audience)
    .setExpirationTime('1m')
    .sign(Buffer.from(keys[stolen]))
}

function random(): string {
  return randomBytes(32).toString('base64url')
}

/** The first that may call a route of a service; undefined where no service may. */
export function callerAt(
  audience: string,
  method: string,
  path: string,
): ServiceCall['caller'] | undefined {
  const found = Object.values(INTERNAL_ROUTES).filter(
    (route) => route.audience === audience && route.method === method && isAt(route.path, path),
  )
  // `/wallets/:userId` also matches what has a path of its own.
  const [route] = found.toSorted((a, b) => a.path.split(':').length - b.path.split(':').length)
  return route?.callers[0]
}

function isAt(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replaceAll(/:\w+/g, '[^/]+')}$`).test(path)
}
