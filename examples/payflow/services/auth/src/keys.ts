import { createHash, generateKeyPairSync } from 'node:crypto'
import { z } from 'zod'

/** 32 bytes in base64url, without padding. */
const bytes32 = z.string().regex(/^[\w-]{43}$/)

/** An Ed25519 key pair as a JWK. Without a `kid` it goes by its thumbprint. */
export const privateJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: bytes32,
  d: bytes32,
  kid: z.string().min(1).optional(),
})
export type PrivateJwk = z.output<typeof privateJwk>

/** An Ed25519 public key as a JWK. A private part in it is a mistake that must not be published. */
export const publicJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: bytes32,
  kid: z.string().min(1),
  d: z.undefined().optional(),
})
export type PublicJwk = Omit<z.output<typeof publicJwk>, 'd'>

/** Public keys, as RFC 7517 §5 writes them. */
export const publicJwks = z.object({ keys: z.array(publicJwk) })

/** What a key is called in the tokens it has signed: its own `kid`, or its RFC 7638 thumbprint. */
export function keyIdOf({
  kty,
  crv,
  x,
  kid,
}: Pick<PrivateJwk, 'kty' | 'crv' | 'x' | 'kid'>): string {
  // The members that RFC 7638 §3.2 and RFC 8037 §2 name, in this order and without spaces.
  return kid ?? createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')
}

/** The half of a key that everybody may have. */
export function publicHalfOf({ kty, crv, x, kid }: PrivateJwk): PublicJwk {
  return { kty, crv, x, kid: keyIdOf({ kty, crv, x, kid }) }
}

/** Makes a key that nobody has seen before. */
export function newPrivateJwk(): PrivateJwk {
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk = privateJwk.parse(privateKey.export({ format: 'jwk' }))
  return { ...jwk, kid: keyIdOf(jwk) }
}
