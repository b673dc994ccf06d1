import { jwtVerify, SignJWT } from 'jose'
import { invalidToken } from './user-tokens.ts'

/** The processes that call each other. A token names its caller and the one it is meant for. */
export const SERVICES = [
  'gateway',
  'auth',
  'wallet',
  'transaction',
  'notification',
  'worker',
  'reversal',
] as const

/** A process that calls or is called. */
export type ServiceName = (typeof SERVICES)[number]

/** A stolen service token is of use for this long; a call takes far less. */
const SERVICE_TOKEN_SECONDS = 60

/** Options of {@link mintServiceToken}. */
export interface ServiceTokenOptions {
  /** The secret all services share. */
  readonly secret: string
  /** The caller. */
  readonly issuer: ServiceName
  /** The service that is called. */
  readonly audience: ServiceName
  /** Now, in Unix milliseconds by the clock of the called service. @defaultValue this machine's */
  readonly nowMs?: number
}

/** Makes the token with which one service calls another. It is valid for one minute. */
export async function mintServiceToken(options: ServiceTokenOptions): Promise<string> {
  const nowS = Math.floor((options.nowMs ?? Date.now()) / 1_000)
  return await new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'service+jwt' })
    .setIssuer(options.issuer)
    .setAudience(options.audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + SERVICE_TOKEN_SECONDS)
    .sign(keyOf(options.secret))
}

/** A token serves this long: half of what it holds is left for clocks that differ. */
const REUSED_MS = 20_000

/**
 * Makes the tokens of one caller for one service, each for the calls of twenty seconds: signing one
 * takes longer than most of what a call does besides. For `HttpClientOptions.token`.
 */
export function serviceTokens(
  options: Omit<ServiceTokenOptions, 'nowMs'>,
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

/**
 * Returns the caller that a service token names.
 *
 * @throws {@link ProblemError} `unauthenticated` (401) when it is not valid here.
 */
export async function verifyServiceToken(
  token: string,
  { secret, audience }: { readonly secret: string; readonly audience: ServiceName },
): Promise<{ service: string }> {
  try {
    const { payload } = await jwtVerify(token, keyOf(secret), {
      audience,
      issuer: [...SERVICES],
      algorithms: ['HS256'],
      typ: 'service+jwt',
      requiredClaims: ['exp'],
      clockTolerance: 5,
    })
    return { service: String(payload.iss) }
  } catch (error) {
    throw invalidToken(error)
  }
}

function keyOf(secret: string): Uint8Array {
  return new TextEncoder().encode(secret)
}
