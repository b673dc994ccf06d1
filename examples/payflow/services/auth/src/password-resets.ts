import type { ResetPasswordRequest } from '@payflow-app/contracts'
import { PasswordResetRequested } from '@payflow-app/contracts/messages'
import { problem, type Logger, type Probe } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import { closeOldDoors } from './account.ts'
import type { ClientInfo } from './client-info.ts'
import type { AuthDatabase } from './database.ts'
import { deviceOf } from './device-of.ts'
import { fromThisRequest, type Messages } from './messages.ts'
import type { Passwords } from './passwords.ts'
import { hashToken, newToken } from './secret-token.ts'
import { findUserByEmail, findUserById } from './sql/find-user.ts'
import { insertAuditEvent } from './sql/insert-audit-event.ts'
import { purgeGuards } from './sql/purge-guards.ts'
import { insertResetRequest, takeResetRequest } from './sql/reset-requests.ts'
import { insertResetToken, isResetTokenLive, spendResetToken } from './sql/reset-tokens.ts'
import { setPassword } from './sql/set-password.ts'

/** Options of {@link createPasswordResets}. */
export interface PasswordResetsOptions {
  readonly db: Kysely<AuthDatabase>
  readonly messages: Messages
  readonly passwords: Passwords
  readonly tokenS: number
  readonly lockS: number
  readonly intervalMs: number
  readonly logger: Logger
  readonly probe: Probe
}

/** New passwords for people who have forgotten theirs. */
export interface PasswordResets {
  /** Takes the wish down. What becomes of it, and how long that takes, does not show here. */
  request(email: string, who: ClientInfo): Promise<void>
  /**
   * Sets a new password with the token of a mail, ends all sessions and unlocks the account. Returns
   * the token by which the browser is known from now on.
   *
   * @throws `reset-token-invalid` (422) when it was used, is too old, or is no token.
   */
  reset(request: ResetPasswordRequest, who: ClientInfo): Promise<string>
  /** Starts looking for wishes that nobody has seen to yet. */
  start(): void
  /** Stops; resolves when nothing is in progress any more. */
  stop(): Promise<void>
}

/** Creates the resets. */
export function createPasswordResets(options: PasswordResetsOptions): PasswordResets {
  const { db, logger, intervalMs, lockS } = options
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> = Promise.resolve()
  let stopped = false
  const runRound = async (): Promise<void> => {
    try {
      while (!stopped && (await seeToOne(options))) continue
      await purgeGuards(db, lockS)
    } catch (error) {
      logger.warn({ err: error }, 'wishes for a new password could not be seen to')
    }
  }
  const next = (): void => {
    clearTimeout(timer)
    round = round.then(runRound).then(() => {
      clearTimeout(timer)
      if (!stopped) timer = setTimeout(next, intervalMs)
    })
  }
  return {
    async request(email, { client, addressHash, requestId }) {
      await insertResetRequest(db, { email, client, addressHash, requestId })
      if (!stopped) next()
    },
    reset: async (request, who) => await reset(options, request, who),
    start: next,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await round
    },
  }
}

/** Sees to the oldest wish, all or nothing; false when there is none. */
async function seeToOne(options: PasswordResetsOptions): Promise<boolean> {
  const { db, messages, tokenS, probe } = options
  const done = await db.transaction().execute(async (trx) => {
    const wish = await takeResetRequest(trx)
    if (!wish) return 'none'
    const user = await findUserByEmail(trx, wish.email)
    if (!user) return 'nobody'
    const { id: userId, email, name } = user
    const { token, hash } = newToken()
    const stored = await insertResetToken(trx, { userId, hash, lifeS: tokenS })
    // Last, as everywhere: a migration locks the tables in the order in which they are written.
    await insertAuditEvent(trx, { type: 'password_reset_requested', userId }, wish)
    if (!stored) return 'enough'
    const data = { userId, email, name, token, expiresAt: stored.expiresAt.toISOString() }
    const headers = fromThisRequest(wish.requestId)
    await messages.outbox(trx).publish(PasswordResetRequested, data, headers)
    await probe('auth.reset.written')
    return 'mailed'
  })
  if (done === 'mailed') messages.wake()
  return done !== 'none'
}

async function reset(
  { db, messages, passwords, probe }: PasswordResetsOptions,
  { token, newPassword }: ResetPasswordRequest,
  who: ClientInfo,
): Promise<string> {
  const hash = hashToken(token)
  if (!(await isResetTokenLive(db, hash))) throw invalidToken()
  const passwordHash = await passwords.hash(newPassword)
  const deviceToken = await db.transaction().execute(async (trx) => {
    const userId = await spendResetToken(trx, hash)
    if (userId === undefined) return undefined
    const changedAt = await setPassword(trx, { userId, passwordHash })
    const user = await findUserById(trx, userId)
    if (!user || !changedAt) return undefined
    const device = await deviceOf(trx, user.email, who)
    const change = { user, by: 'reset', changedAt, deviceHash: device.hash } as const
    await closeOldDoors(trx, messages, change, who)
    return device.token
  })
  if (deviceToken === undefined) throw invalidToken()
  await probe('auth.password.reset')
  messages.wake()
  return deviceToken
}

function invalidToken(): Error {
  return problem('reset-token-invalid', {
    detail: 'This link was used already or is too old. Ask for a new one.',
  })
}
