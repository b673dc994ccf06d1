import { UserLocked } from '@payflow-app/contracts/messages'
import type { Kysely } from 'kysely'
import { accountHashOf, type ClientInfo } from './client-info.ts'
import type { AuthDatabase } from './database.ts'
import { fromThisRequest, type Messages } from './messages.ts'
import { announceLock } from './sql/announce-lock.ts'
import { countAttempt, type Attempt } from './sql/count-attempt.ts'
import type { StoredUser } from './sql/find-user.ts'
import { insertAuditEvent } from './sql/insert-audit-event.ts'

/** When no password is looked at any more, and for how long. */
export interface LockPolicy {
  readonly attemptsMax: number
  readonly lockS: number
}

/** Options of {@link createGuards}. */
export interface GuardsOptions {
  readonly db: Kysely<AuthDatabase>
  readonly messages: Messages
  readonly policy: LockPolicy
}

/** Counts attempts to log in, and says so when there were too many. */
export interface Guards {
  /** Counts an attempt, by the account it is for and the browser it comes from. */
  count(accountHash: Buffer, who: Pick<ClientInfo, 'deviceHash'>): Promise<Attempt>
  /** Writes down an attempt that failed; tells the owner when it was one too many. */
  noteFailure(failure: Failure, who: ClientInfo): Promise<void>
}

/** An attempt that failed. */
export interface Failure {
  readonly email: string
  readonly attempt: Attempt
  /** Undefined when nobody has the address. */
  readonly user: StoredUser | undefined
}

/** Creates the guards. */
export function createGuards({ db, messages, policy }: GuardsOptions): Guards {
  return {
    count: async (accountHash, { deviceHash }) =>
      await countAttempt(db, { accountHash, deviceHash, ...policy }),
    async noteFailure({ email, attempt, user }, who) {
      const accountHash = accountHashOf(email)
      const userId = user?.id ?? null
      const told = await db.transaction().execute(async (trx) => {
        const type = attempt.counted ? 'login_failed' : 'login_refused'
        await insertAuditEvent(trx, { type, userId, accountHash }, who)
        const lock = await announceLock(trx, attempt.guard, policy)
        if (!lock) return false
        await insertAuditEvent(trx, { type: 'locked', userId, accountHash }, who)
        if (!user) return false
        const person = { userId: user.id, email: user.email, name: user.name }
        const times = {
          occurredAt: lock.lockedAt.toISOString(),
          lockedUntil: lock.lockedUntil.toISOString(),
        }
        await messages.outbox(trx).publish(UserLocked, { ...person, ...times }, fromThisRequest())
        return true
      })
      if (told) messages.wake()
    },
  }
}
