import { decodeProtectedHeader } from 'jose'
import type { Request, RequestHandler } from 'express'
import { addLogContext } from './log-context.ts'
import { problem } from './problem-error.ts'
import { rememberVerified } from './remember-verified.ts'
import { verifyServiceToken, type ServiceName } from './service-tokens.ts'
import type { TokenUser, UserTokens } from './user-tokens.ts'

/** Who sent a request: a user with an access token, or another service. */
export type Caller =
  | ({ readonly kind: 'user' } & TokenUser)
  | { readonly kind: 'service'; readonly service: string }

/** What a service needs to accept the tokens of other services. */
export interface ServiceAudience {
  readonly secret: string
  /** This service's own name. */
  readonly audience: ServiceName
}

const callers = new WeakMap<Request, Caller>()

/** Lets users in. Handlers behind it learn who it is from {@link userOf}. */
export function requireUser(tokens: UserTokens): RequestHandler {
  return async function authenticateUser(req, _res, next) {
    await admitUser(req, tokens)
    next()
  }
}

/** Lets other services in, and no user. */
export function requireService(options: ServiceAudience): RequestHandler {
  const verify = serviceVerifier(options)
  return async (req, _res, next) => {
    await admitService(req, verify)
    next()
  }
}

/** Lets users and services in. What a user may see there is the handler's decision. */
export function requireUserOrService(tokens: UserTokens, options: ServiceAudience): RequestHandler {
  const verify = serviceVerifier(options)
  return async (req, _res, next) => {
    // Each kind is then checked with its own algorithm and key only, so a wrong guess here admits
    // nobody.
    if (isServiceToken(bearerToken(req))) await admitService(req, verify)
    else await admitUser(req, tokens)
    next()
  }
}

/** Who sent the request. Only behind one of the `require…` handlers. */
export function callerOf(req: Request): Caller {
  const caller = callers.get(req)
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
  callers.set(req, { kind: 'user', ...user })
  addLogContext({ userId: user.userId })
}

type ServiceVerifier = (token: string) => Promise<{ readonly service: string }>

const serviceVerifier = (options: ServiceAudience): ServiceVerifier =>
  rememberVerified((token) => verifyServiceToken(token, options))

async function admitService(req: Request, verify: ServiceVerifier): Promise<void> {
  const { service } = await verify(bearerToken(req))
  callers.set(req, { kind: 'service', service })
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
