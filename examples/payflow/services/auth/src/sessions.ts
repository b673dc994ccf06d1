import type { LoginRequest, RegisterRequest, SessionView, UserView } from '@payflow-app/contracts'
import { problem, type Probe } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import type { AccessTokens } from './access-tokens.ts'
import type { AuthDatabase } from './database.ts'
import { checkPassword, hashPassword } from './passwords.ts'
import { hashRefreshToken, newRefreshToken } from './refresh-token.ts'
import { findUserByEmail, findUserById } from './sql/find-user.ts'
import { insertSession } from './sql/insert-session.ts'
import { insertUser } from './sql/insert-user.ts'
import { revokeSession } from './sql/revoke-session.ts'
import { rotateRefreshToken } from './sql/rotate-refresh-token.ts'
import type { WalletProvisioning } from './wallet-provisioning.ts'

/** What a login yields: the answer's body, and the token for the cookie. */
export interface Session {
  readonly view: SessionView
  readonly refreshToken: string
}

/** Options of {@link createSessions}. */
export interface SessionsOptions {
  readonly db: Kysely<AuthDatabase>
  readonly accessTokens: AccessTokens
  readonly provisioning: WalletProvisioning
  readonly refreshTokenS: number
  readonly graceMs: number
  readonly probe: Probe
}

/** Registers users and keeps their sessions. */
export interface Sessions {
  /** @throws `email-taken` (409) */
  register(request: RegisterRequest): Promise<Session>
  /** @throws `invalid-credentials` (401), the same for a wrong address and a wrong password */
  login(request: LoginRequest): Promise<Session>
  /** @throws `refresh-token-invalid` (401) */
  refresh(token: string): Promise<Session>
  logout(token: string): Promise<void>
  /** @throws `unauthenticated` (401) when the user is gone */
  me(userId: string): Promise<UserView>
}

/** The currency new wallets are opened in. */
const CURRENCY = 'USD'

/** Creates the sessions. */
export function createSessions(options: SessionsOptions): Sessions {
  const { db, accessTokens, provisioning, refreshTokenS, graceMs, probe } = options
  const view = async (user: UserView): Promise<SessionView> => ({
    user: { id: user.id, email: user.email, name: user.name },
    accessToken: await accessTokens.sign(user.id),
    expiresIn: accessTokens.expiresIn,
  })
  const me = async (userId: string): Promise<UserView> => {
    const user = await findUserById(db, userId)
    if (!user) throw problem('unauthenticated', { detail: 'The user no longer exists' })
    return { id: user.id, email: user.email, name: user.name }
  }
  return {
    async register({ email, password, name }) {
      const id = uuidv7()
      const { token, hash } = newRefreshToken()
      const passwordHash = await hashPassword(password)
      const session = { familyId: uuidv7(), tokenHash: hash, refreshTokenS }
      const user = { id, email, name, passwordHash, currency: CURRENCY, ...session }
      await insertUser(db, user).catch(refuseTakenEmail)
      await probe('auth.user.committed', { userId: id })
      await provisioning.open({ userId: id, currency: CURRENCY })
      return { view: await view(user), refreshToken: token }
    },
    async login({ email, password }) {
      const user = await findUserByEmail(db, email)
      const matches = await checkPassword(user?.passwordHash, password)
      if (!user || !matches) throw problem('invalid-credentials')
      const { token, hash } = newRefreshToken()
      const familyId = uuidv7()
      await insertSession(db, { userId: user.id, familyId, tokenHash: hash, refreshTokenS })
      return { view: await view(user), refreshToken: token }
    },
    async refresh(token) {
      const successor = newRefreshToken()
      const rotation = await rotateRefreshToken(db, {
        hash: hashRefreshToken(token),
        newHash: successor.hash,
        refreshTokenS,
        graceMs,
      })
      if (rotation.outcome !== 'rotated') throw problem('refresh-token-invalid')
      return { view: await view(await me(rotation.userId)), refreshToken: successor.token }
    },
    logout: async (token) => await revokeSession(db, hashRefreshToken(token)),
    me,
  }
}

function refuseTakenEmail(error: unknown): never {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (code === '23505' && constraint === 'users_email_key') {
    throw problem('email-taken', { cause: error })
  }
  throw error
}
