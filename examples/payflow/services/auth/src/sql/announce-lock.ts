import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import type { GuardKey } from './count-attempt.ts'

/** When an account was locked, and until when. */
export interface Lock {
  readonly lockedAt: Date
  readonly lockedUntil: Date
}

/**
 * Takes the announcement of a lock upon the transaction: undefined when nothing is locked, or it was
 * announced. Every failed attempt asks, so that a process which died after the last one leaves no lock
 * that nobody is told of. The row stays locked until the commit, and so one of many announces.
 */
export async function announceLock(
  trx: Transaction<AuthDatabase>,
  guard: GuardKey,
  { attemptsMax, lockS }: { readonly attemptsMax: number; readonly lockS: number },
): Promise<Lock | undefined> {
  const { rows } = await sql<Lock>`
    update public.login_guards set announced = true
    where account_hash = ${guard.accountHash} and device_hash = ${guard.deviceHash}
      and attempts >= ${attemptsMax} and not announced
    returning attempted_at as "lockedAt",
      attempted_at + make_interval(secs => ${lockS}) as "lockedUntil"`.execute(trx)
  return rows[0]
}
