import { INTERNAL_ROUTES, type InternalOperation } from '@payflow-app/contracts/internal'
import { decodeProtectedHeader } from 'jose'
import type { Request, RequestHandler } from 'express'
import { addLogContext } from './log-context.ts'
import { problem } from './problem-error.ts'
import type { ServiceVerifier } from './service-tokens.ts'
import type { TokenUser, UserTokens } from './user-tokens.ts'

/** Who sent a request: a user with an access token, or another service. */
export type Caller =
  | ({ readonly kind: 'user' } & TokenUser)
  | { readonly kind: 'service'; readonly service: string }

const admitted = new WeakMap<Request, Caller>()

/** Lets users in. Handlers behind it learn who it is from {@link userOf}. */
export function requireUser(tokens: UserTokens): RequestHandler {
  return async function authenticateUser(req, _res, next) {
    await admitUser(req, tokens)
    next()
  }
}

/** Lets those services in that may call this route, and no user. */
export function requireService(
  services: ServiceVerifier,
  operation: InternalOperation,
): RequestHandler {
  return async function authenticateService(req, _res, next) {
    await admitService(req, services, operation)
    next()
  }
}

/**
 * Lets users in, and those services that may call this route. What a user may see there is the
 * handler's decision.
 */
export function requireUserOrService(
  tokens: UserTokens,
  services: ServiceVerifier,
  operation: InternalOperation,
): RequestHandler {
  return async (req, _res, next) => {
    // Each kind is then checked with its own algorithm and key only, so a wrong guess here admits
    // nobody.
    if (isServiceToken(bearerToken(req))) await admitService(req, services, operation)
    else await admitUser(req, tokens)
    next()
  }
}

/** Who sent the request. Only behind one of the `require…` handlers. */
export function callerOf(req: Request): Caller {
  const caller = admitted.get(req)
  if (!caller) throw new TypeError('The route has no authentication in front of it')
  return caller
}

/** The user who sent the request. Only behind {@link requireUser}. */
export function userOf(req: Request): TokenUser {
  const caller = callerOf(req)
  if (caller.kind !== 'user') throw new TypeError('The route also admits services')
  return caller
}

async function admitUser(req: Request, tokens: UserTokens): Promise<void> {
  const user = await tokens.verify(bearerToken(req))
  admitted.set(req, { kind: 'user', ...user })
  addLogContext({ userId: user.userId })
}

async function admitService(
  req: Request,
  services: ServiceVerifier,
  operation: InternalOperation,
): Promise<void> {
  const { service } = await services.verify(bearerToken(req))
  const { callers }: { readonly callers: readonly string[] } = INTERNAL_ROUTES[operation]
  if (!callers.includes(service)) {
    throw problem('forbidden', { detail: `${service} may not call this route` })
  }
  admitted.set(req, { kind: 'service', service })
}

function bearerToken(req: Request): string {
  const [, token] = /^Bearer +([\w.~+/-]+=*)$/i.exec(req.get('authorization') ?? '') ?? []
  if (token !== undefined) return token
  throw problem('unauthenticated', {
    detail: 'Send Authorization: Bearer <access token>',
    headers: { 'www-authenticate': 'Bearer realm="payflow"' },
  })
}

function isServiceToken(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === 'service+jwt'
  } catch {
    return false
  }
}
