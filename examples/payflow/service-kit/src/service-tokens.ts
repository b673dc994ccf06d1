import { createHash } from 'node:crypto'
import type { ServiceCall } from '@payflow-app/contracts/internal'
import { jwtVerify, SignJWT } from 'jose'
import { rememberVerified } from './remember-verified.ts'
import type { CallerKeys, ServiceAudience, ServiceKey } from './service-keys.ts'
import { invalidToken } from './user-tokens.ts'

/** A stolen service token is of use for this long; a call takes far less. */
const SERVICE_TOKEN_SECONDS = 60

/** Options of {@link mintServiceToken}: who calls whom, and the key that only those two have. */
export type ServiceTokenOptions = ServiceCall & {
  readonly key: ServiceKey
  /** Now, in Unix milliseconds by the clock of the called service. @defaultValue this machine's */
  readonly nowMs?: number
}

/** Makes the token with which one service calls another. It is valid for one minute. */
export async function mintServiceToken(options: ServiceTokenOptions): Promise<string> {
  const { caller, audience, key, nowMs = Date.now() } = options
  const nowS = Math.floor(nowMs / 1_000)
  return await new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'service+jwt', kid: keyIdOf(caller, key[0]) })
    .setIssuer(caller)
    .setAudience(audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + SERVICE_TOKEN_SECONDS)
    .sign(bytesOf(key[0]))
}

/** A token serves this long: half of what it holds is left for clocks that differ. */
const REUSED_MS = 20_000

/**
 * Makes the tokens of one caller for one service, each for the calls of twenty seconds: signing one
 * takes longer than most of what a call does besides. For `HttpClientOptions.token`.
 */
export function serviceTokens(
  options: ServiceCall & { readonly key: ServiceKey },
): (nowMs: number) => Promise<string> {
  let madeAtMs = Number.NEGATIVE_INFINITY
  let token: Promise<string> | undefined
  return (nowMs) => {
    // Also when it is earlier than it was: the service's clock is another than was thought.
    if (token === undefined || nowMs < madeAtMs || nowMs - madeAtMs > REUSED_MS) {
      madeAtMs = nowMs
      token = mintServiceToken({ ...options, nowMs })
    }
    return token
  }
}

/** Knows who calls. */
export interface ServiceVerifier {
  /**
   * Returns the caller that a token names, and proves by a key of that caller's.
   *
   * @throws {@link ProblemError} `unauthenticated` (401) when it is not valid here.
   */
  verify(token: string): Promise<{ readonly service: string }>
}

/** Creates what believes the tokens of a service's callers, each by its own keys only. */
export function createServiceVerifier(options: {
  readonly audience: ServiceAudience
  readonly keys: CallerKeys
}): ServiceVerifier {
  const { audience } = options
  const known = new Map(
    [...options.keys].flatMap(([caller, keys]) =>
      keys.map((key) => [keyIdOf(caller, key), { caller, bytes: bytesOf(key) }] as const),
    ),
  )
  const verify = async (token: string): Promise<{ readonly service: string }> => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, ({ kid }) => bytesFor(kid), {
        audience,
        algorithms: ['HS256'],
        typ: 'service+jwt',
        requiredClaims: ['exp'],
        clockTolerance: 5,
      })
      const caller = known.get(protectedHeader.kid ?? '')?.caller
      // A key proves one name: with its own, a caller cannot sign another's.
      if (caller === undefined || payload.iss !== caller)
        throw new Error('not the key of that caller')
      return { service: caller }
    } catch (error) {
      throw invalidToken(error)
    }
  }
  const bytesFor = (kid = ''): Uint8Array => {
    const found = known.get(kid)
    if (!found) throw new Error('a key that is not known here')
    return found.bytes
  }
  return { verify: rememberVerified(verify) }
}

/** The name of a key: whose it is, and eight bytes of its hash, which tell nothing of a random key. */
function keyIdOf(caller: string, key: string): string {
  const hash = createHash('sha256').update(`payflow/service-key\0${key}`).digest()
  return `${caller}.${hash.subarray(0, 8).toString('base64url')}`
}

function bytesOf(key: string): Uint8Array {
  return new TextEncoder().encode(key)
}
