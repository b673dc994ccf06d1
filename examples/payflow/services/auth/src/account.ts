import type {
  ActivityListQuery,
  ActivityPage,
  ChangePasswordRequest,
  LoginSessionPage,
} from '@payflow-app/contracts'
import { PasswordChanged } from '@payflow-app/contracts/messages'
import { decodeCursor, encodeCursor, problem, type Probe } from '@payflow-app/service-kit'
import type { Kysely, Transaction } from 'kysely'
import { z } from 'zod'
import { accountHashOf, proofHashOf, type ClientInfo } from './client-info.ts'
import type { AuthDatabase } from './database.ts'
import { deviceOf } from './device-of.ts'
import { fromThisRequest, type Messages } from './messages.ts'
import type { LockPolicy } from './guards.ts'
import type { OneAtATime } from './one-at-a-time.ts'
import type { Passwords } from './passwords.ts'
import { countAttempt, forgetGuards } from './sql/count-attempt.ts'
import { endSessions, type SessionEnd } from './sql/end-sessions.ts'
import { findUserById, type StoredUser } from './sql/find-user.ts'
import { insertAuditEvent } from './sql/insert-audit-event.ts'
import { listAuditEvents, type ListedEvent } from './sql/list-audit-events.ts'
import { isSessionLive, listSessions } from './sql/list-sessions.ts'
import { rememberDevice } from './sql/remember-device.ts'
import { spendResetTokensOf } from './sql/reset-tokens.ts'
import { setPassword } from './sql/set-password.ts'

/** Somebody who is logged in, in a session that has not ended. */
export interface Owner {
  readonly userId: string
  readonly sessionId: string
}

/** Options of {@link createAccounts}. */
export interface AccountsOptions {
  readonly db: Kysely<AuthDatabase>
  readonly messages: Messages
  readonly passwords: Passwords
  readonly oneAtATime: OneAtATime
  readonly policy: LockPolicy
  readonly probe: Probe
}

/** What people do to keep their account safe. */
export interface Accounts {
  /** Whether the session goes on. Its access token cannot say: it lives for minutes after the end. */
  isLive(owner: Owner): Promise<boolean>
  sessions(owner: Owner): Promise<LoginSessionPage>
  /** @throws `not-found` (404) when it is nobody's, or somebody else's */
  endSession(owner: Owner, sessionId: string, who: ClientInfo): Promise<void>
  logoutAll(owner: Owner, who: ClientInfo): Promise<void>
  activity(owner: Owner, query: ActivityListQuery): Promise<ActivityPage>
  /**
   * Sets another password and ends all sessions but this one. Returns the token by which the browser
   * is known from now on.
   *
   * @throws `password-wrong` (422); `rate-limited` (429) when too many were wrong before.
   */
  changePassword(owner: Owner, request: ChangePasswordRequest, who: ClientInfo): Promise<string>
}

/** PostgreSQL knows no year 0, which ISO 8601 does. */
const place = z.tuple([z.iso.datetime({ precision: 6 }).regex(/^[1-9]/), z.uuid()])

/** Creates the accounts. */
export function createAccounts(options: AccountsOptions): Accounts {
  const { db, oneAtATime } = options
  return {
    isLive: async (owner) => await isSessionLive(db, owner),
    async sessions({ userId, sessionId }) {
      const items = await listSessions(db, userId)
      return {
        items: items.map(({ id, client, createdAt, lastUsedAt }) => ({
          id,
          createdAt: createdAt.toISOString(),
          lastUsedAt: lastUsedAt.toISOString(),
          client,
          current: id === sessionId,
        })),
        nextCursor: null,
      }
    },
    endSession: async (owner, onlyId, who) => await endSession(db, owner, onlyId, who),
    async logoutAll({ userId, sessionId }, who) {
      await db.transaction().execute(async (trx) => {
        await endSessions(trx, { userId, because: 'logout_all' })
        await insertAuditEvent(trx, { type: 'logged_out_everywhere', userId, sessionId }, who)
      })
    },
    activity: async (owner, query) => await activityPage(db, owner, query),
    changePassword: async (owner, request, who) =>
      await oneAtATime(owner.userId, () => changePassword(options, owner, request, who)),
  }
}

async function endSession(
  db: Kysely<AuthDatabase>,
  { userId }: Owner,
  sessionId: string,
  who: ClientInfo,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const ended = await endSessions(trx, { userId, because: 'ended', onlyId: sessionId })
    if (ended === 1) {
      await insertAuditEvent(trx, { type: 'session_ended', userId, sessionId }, who)
      return
    }
    const mine = await trx
      .selectFrom('refresh_families')
      .select('id')
      .where('id', '=', sessionId)
      .where('user_id', '=', userId)
      .executeTakeFirst()
    // The same answer to what is not there and to what is not theirs.
    if (!mine) throw problem('not-found', { detail: 'There is no such session' })
  })
}

async function activityPage(
  db: Kysely<AuthDatabase>,
  { userId }: Owner,
  { limit, cursor }: ActivityListQuery,
): Promise<ActivityPage> {
  const [at, id] = decodeCursor(place, cursor) ?? []
  const rows = await listAuditEvents(db, {
    userId,
    after: at !== undefined && id !== undefined ? { at, id } : undefined,
    limit: limit + 1, // One more than shown tells whether there is another page.
  })
  const shown = rows.slice(0, limit)
  return {
    items: shown.map(({ id: eventId, type, at: time, client }) => ({
      id: eventId,
      type,
      at: time.toISOString(),
      client,
    })),
    nextCursor: rows.length > limit ? cursorOf(shown.at(-1)) : null,
  }
}

function cursorOf(last: ListedEvent | undefined): string | null {
  return last ? encodeCursor([last.place, last.id]) : null
}

async function changePassword(
  options: AccountsOptions,
  owner: Owner,
  { currentPassword, newPassword }: ChangePasswordRequest,
  who: ClientInfo,
): Promise<string> {
  const { db, passwords, messages, probe } = options
  const user = await proveOnceMore(options, owner, currentPassword, who)
  await probe('auth.password.proved')
  const passwordHash = await passwords.hash(newPassword)
  const deviceToken = await db.transaction().execute(async (trx) => {
    const { id: userId, passwordVersion } = user
    const changedAt = await setPassword(trx, { userId, passwordHash, passwordVersion })
    if (!changedAt) return undefined
    const device = await deviceOf(trx, user.email, who)
    const change = { user, by: 'user', changedAt, deviceHash: device.hash } as const
    await closeOldDoors(trx, messages, { ...change, keptId: owner.sessionId }, who)
    return device.token
  })
  if (deviceToken === undefined) throw wrongPassword()
  await probe('auth.password.changed')
  messages.wake()
  return deviceToken
}

/** @throws `password-wrong` (422); `rate-limited` (429) when too many were wrong before. */
async function proveOnceMore(
  { db, passwords, policy }: AccountsOptions,
  { userId, sessionId }: Owner,
  password: string,
  who: ClientInfo,
): Promise<StoredUser> {
  let user: StoredUser | undefined
  const matches = await passwords.check(password, async () => {
    const accountHash = proofHashOf(userId)
    const { counted } = await countAttempt(db, { accountHash, deviceHash: null, ...policy })
    if (!counted) throw tooManyAttempts(policy)
    user = await findUserById(db, userId)
    return user?.passwordHash
  })
  if (user && matches) return user
  await insertAuditEvent(db, { type: 'password_change_failed', userId, sessionId }, who)
  throw wrongPassword()
}

function wrongPassword(): Error {
  return problem('password-wrong', { detail: 'The current password is wrong' })
}

function tooManyAttempts({ lockS }: LockPolicy): Error {
  return problem('rate-limited', {
    detail: 'Too many wrong passwords; try again later, or set a new one by mail',
    headers: { 'retry-after': String(lockS) },
  })
}

/** What {@link closeOldDoors} is told of a change of a password. */
export interface PasswordChange {
  readonly user: StoredUser
  readonly by: 'user' | 'reset'
  readonly changedAt: Date
  readonly deviceHash: Buffer
  /** The session that goes on, as that of the browser; all others end. */
  readonly keptId?: string
}

/**
 * Ends what the old password has opened, in the transaction that sets the new one: sessions, links
 * in mails, locks and known browsers. Whoever has changed it uses a browser that is known.
 */
export async function closeOldDoors(
  trx: Transaction<AuthDatabase>,
  messages: Messages,
  { user, by, changedAt, deviceHash, keptId }: PasswordChange,
  who: ClientInfo,
): Promise<void> {
  const { id: userId, email, name } = user
  const because: SessionEnd = by === 'user' ? 'password_changed' : 'password_reset'
  const kept = keptId === undefined ? undefined : { id: keptId, deviceHash }
  await endSessions(trx, { userId, because, ...(kept && { kept }) })
  await spendResetTokensOf(trx, userId)
  for (const hash of [accountHashOf(email), proofHashOf(userId)]) await forgetGuards(trx, hash)
  await rememberDevice(trx, accountHashOf(email), deviceHash)
  await insertAuditEvent(trx, { type: because, userId }, who)
  const data = { userId, email, name, occurredAt: changedAt.toISOString(), by }
  await messages.outbox(trx).publish(PasswordChanged, data, fromThisRequest())
}
