import { problem, requireUser, userOf, type UserTokens } from '@payflow-app/service-kit'
import type { Request, RequestHandler } from 'express'
import type { Accounts, Owner } from '../account.ts'

/**
 * Lets users in whose session has not ended. Other services believe an access token until it
 * expires; where an account is kept safe that would be too long.
 */
export function requireSession(
  tokens: UserTokens,
  accounts: Pick<Accounts, 'isLive'>,
): RequestHandler[] {
  return [
    requireUser(tokens),
    async function requireLiveSession(req, _res, next) {
      if (!(await accounts.isLive(ownerOf(req)))) throw sessionEnded()
      next()
    },
  ]
}

/** Who sent the request, and in which session. Only behind {@link requireSession}. */
export function ownerOf(req: Request): Owner {
  const { userId, sessionId } = userOf(req)
  if (sessionId === undefined) throw sessionEnded()
  return { userId, sessionId }
}

function sessionEnded(): Error {
  return problem('unauthenticated', {
    detail: 'The session has ended',
    headers: { 'www-authenticate': 'Bearer realm="payflow", error="invalid_token"' },
  })
}
