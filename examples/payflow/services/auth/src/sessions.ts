import type { LoginRequest, RegisterRequest, SessionView, UserView } from '@payflow-app/contracts'
import { problem, type Probe } from '@payflow-app/service-kit'
import type { Kysely, Transaction } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import type { AccessTokens } from './access-tokens.ts'
import { accountHashOf, type ClientInfo } from './client-info.ts'
import type { AuthDatabase } from './database.ts'
import { deviceOf } from './device-of.ts'
import type { Guards } from './guards.ts'
import type { LoginCounter } from './metrics.ts'
import type { OneAtATime } from './one-at-a-time.ts'
import type { Passwords } from './passwords.ts'
import { hashToken, newSalt, newToken, successorOf, type SecretToken } from './secret-token.ts'
import { forgetAttempts, type GuardKey } from './sql/count-attempt.ts'
import { endSessionOf } from './sql/end-sessions.ts'
import { findUserByEmail, findUserById, type StoredUser } from './sql/find-user.ts'
import { insertAuditEvent } from './sql/insert-audit-event.ts'
import { insertSession } from './sql/insert-session.ts'
import { insertUser } from './sql/insert-user.ts'
import { rememberDevice } from './sql/remember-device.ts'
import { rotateRefreshToken } from './sql/rotate-refresh-token.ts'
import { storeRehashed } from './sql/set-password.ts'
import type { WalletProvisioning } from './wallet-provisioning.ts'

/** What a login yields: the answer's body, and the tokens for the cookies. */
export interface Session {
  readonly view: SessionView
  readonly refreshToken: string
  /** Absent where a session is renewed by a browser that has none. */
  readonly deviceToken?: string
}

/** Options of {@link createSessions}. */
export interface SessionsOptions {
  readonly db: Kysely<AuthDatabase>
  readonly accessTokens: AccessTokens
  readonly passwords: Passwords
  readonly guards: Guards
  readonly oneAtATime: OneAtATime
  readonly provisioning: WalletProvisioning
  readonly refreshTokenS: number
  readonly graceMs: number
  readonly count: LoginCounter
  readonly probe: Probe
}

/** Registers users and keeps their sessions. */
export interface Sessions {
  /** @throws `email-taken` (409) */
  register(request: RegisterRequest, who: ClientInfo): Promise<Session>
  /**
   * @throws `invalid-credentials` (401), the same and as fast for a wrong address, a wrong password
   * and an account that is locked
   */
  login(request: LoginRequest, who: ClientInfo): Promise<Session>
  /** @throws `refresh-token-invalid` (401) */
  refresh(token: string, who: ClientInfo): Promise<Session>
  logout(token: string, who: ClientInfo): Promise<void>
  /** @throws `unauthenticated` (401) when the user is gone */
  me(userId: string): Promise<UserView>
}

/** The currency new wallets are opened in. */
const CURRENCY = 'USD'

/** Creates the sessions. */
export function createSessions(options: SessionsOptions): Sessions {
  return {
    register: async (request, who) => await register(options, request, who),
    // One after the other for one account, whoever has it: see one-at-a-time.ts.
    login: async (request, who) =>
      await options.oneAtATime(request.email, () => login(options, request, who)),
    refresh: async (token, who) => await refresh(options, token, who),
    logout: async (token, who) =>
      await options.db.transaction().execute(async (trx) => {
        const ended = await endSessionOf(trx, hashToken(token))
        if (!ended) return
        const { id: sessionId, userId } = ended
        await insertAuditEvent(trx, { type: 'logged_out', userId, sessionId }, who)
      }),
    me: async (userId) => await me(options.db, userId),
  }
}

async function register(
  options: SessionsOptions,
  { email, password, name }: RegisterRequest,
  who: ClientInfo,
): Promise<Session> {
  const { db, passwords, provisioning, refreshTokenS, probe } = options
  const [id, familyId] = [uuidv7(), uuidv7()]
  // Nobody is known to an account that is only now made.
  const [refreshToken, device] = [newToken(), newToken()]
  const passwordHash = await passwords.hash(password)
  const session = { familyId, tokenHash: refreshToken.hash, refreshTokenS, client: who.client }
  const user = { id, email, name, passwordHash, currency: CURRENCY }
  await db.transaction().execute(async (trx) => {
    await insertUser(trx, { ...user, ...session, deviceHash: device.hash }).catch(refuseTakenEmail)
    await rememberDevice(trx, accountHashOf(email), device.hash)
    await insertAuditEvent(trx, { type: 'registered', userId: id, sessionId: familyId }, who)
  })
  await probe('auth.user.committed', { userId: id })
  await provisioning.open({ userId: id, currency: CURRENCY })
  const view = await viewOf(options, user, familyId)
  return { view, refreshToken: refreshToken.token, deviceToken: device.token }
}

async function login(
  options: SessionsOptions,
  { email, password }: LoginRequest,
  who: ClientInfo,
): Promise<Session> {
  const { db, passwords, guards, count, probe } = options
  let attempt: Awaited<ReturnType<Guards['count']>> | undefined
  let user: StoredUser | undefined
  const matches = await passwords.check(password, async () => {
    attempt = await guards.count(accountHashOf(email), who)
    user = await findUserByEmail(db, email)
    await probe('auth.attempt.counted')
    return attempt.counted ? user?.passwordHash : undefined
  })
  if (attempt === undefined) throw new Error('an attempt is counted before it is checked')
  const opened =
    user && matches ? await openSession(options, { user, password, who, attempt }) : undefined
  if (opened) {
    count('ok')
    return opened
  }
  await guards.noteFailure({ email, attempt, user }, who)
  count(attempt.counted ? 'wrong' : 'locked')
  throw problem('invalid-credentials', {
    detail:
      'The e-mail address or the password is wrong. After several wrong passwords none is looked ' +
      'at for a while; setting a new password ends that',
  })
}

interface ProvedUser {
  readonly user: StoredUser
  readonly password: string
  readonly who: ClientInfo
  readonly attempt: { readonly guard: GuardKey }
}

/** Undefined when the password has been changed since it was looked at. */
async function openSession(
  options: SessionsOptions,
  { user, password, who, attempt }: ProvedUser,
): Promise<Session | undefined> {
  const { db, passwords, refreshTokenS } = options
  const [refreshToken, familyId] = [newToken(), uuidv7()]
  const { id: userId, passwordVersion } = user
  // Not worth failing a login for: there will be another one.
  const rehashed = passwords.isOutdated(user.passwordHash)
    ? await passwords.hash(password).catch(() => undefined)
    : undefined
  const deviceToken = await db.transaction().execute(async (trx) => {
    const device = await deviceOf(trx, user.email, who)
    const session = { familyId, tokenHash: refreshToken.hash, refreshTokenS, client: who.client }
    const known = { userId, passwordVersion, deviceHash: device.hash }
    if (!(await insertSession(trx, { ...session, ...known }))) return undefined
    await noteSuccess(trx, attempt.guard, device)
    await insertAuditEvent(trx, { type: 'logged_in', userId, sessionId: familyId }, who)
    if (rehashed) await storeRehashed(trx, { userId, passwordVersion, passwordHash: rehashed })
    return device.token
  })
  if (deviceToken === undefined) return undefined
  const view = await viewOf(options, user, familyId)
  return { view, refreshToken: refreshToken.token, deviceToken }
}

async function noteSuccess(
  trx: Transaction<AuthDatabase>,
  guard: GuardKey,
  device: SecretToken,
): Promise<void> {
  await forgetAttempts(trx, guard)
  await rememberDevice(trx, guard.accountHash, device.hash)
}

async function refresh(options: SessionsOptions, token: string, who: ClientInfo): Promise<Session> {
  const { db, refreshTokenS, graceMs, probe } = options
  const sent = { token, hash: hashToken(token), deviceHash: who.deviceHash }
  const rotation = await db.transaction().execute(async (trx) => {
    const result = await rotateRefreshToken(trx, {
      ...sent,
      salt: newSalt(),
      refreshTokenS,
      graceMs,
    })
    if (result.outcome === 'reused') {
      const { userId, sessionId } = result
      await insertAuditEvent(trx, { type: 'session_stolen', userId, sessionId }, who)
    }
    return result
  })
  if (rotation.outcome !== 'rotated') throw problem('refresh-token-invalid')
  await probe('auth.refresh.rotated')
  const view = await viewOf(options, await me(db, rotation.userId), rotation.sessionId)
  const renewed = { view, refreshToken: successorOf(token, rotation.salt).token }
  // A browser in use stays known: its cookie is set again, and begins its year anew.
  return who.deviceToken === undefined ? renewed : { ...renewed, deviceToken: who.deviceToken }
}

async function viewOf(
  { accessTokens }: SessionsOptions,
  { id, email, name }: UserView,
  sessionId: string,
): Promise<SessionView> {
  return {
    user: { id, email, name },
    accessToken: await accessTokens.sign({ userId: id, sessionId }),
    expiresIn: accessTokens.expiresIn,
  }
}

async function me(db: Kysely<AuthDatabase>, userId: string): Promise<UserView> {
  const user = await findUserById(db, userId)
  if (!user) throw problem('unauthenticated', { detail: 'The user no longer exists' })
  return { id: user.id, email: user.email, name: user.name }
}

function refuseTakenEmail(error: unknown): never {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (code === '23505' && constraint === 'users_email_key') {
    throw problem('email-taken', { cause: error })
  }
  throw error
}
