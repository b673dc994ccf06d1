import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** The row that an attempt is counted in. */
export interface GuardKey {
  readonly accountHash: Buffer
  /** Of a browser the account is known in; empty for everybody else. */
  readonly deviceHash: Buffer
}

/** Options of {@link countAttempt}. */
export interface CountAttemptOptions {
  readonly accountHash: Buffer
  /** The browser that says it is known. */
  readonly deviceHash: Buffer | null
  readonly attemptsMax: number
  readonly lockS: number
}

/** An attempt that was counted or, when `counted` is false, one too many. */
export interface Attempt {
  readonly counted: boolean
  readonly guard: GuardKey
}

/**
 * Counts an attempt before the password is looked at, so that however many come at once no more than
 * `attemptsMax` are looked at; a success takes the count back. The count is forgotten `lockS` after
 * the last attempt that was counted. Those that are refused change nothing, so nobody can keep an
 * account locked by going on.
 *
 * The row's lock is that of the conflict: of many at once each sees what the one before has written.
 * It ends with the statement, before anything is hashed.
 */
export async function countAttempt(
  db: Kysely<AuthDatabase>,
  { accountHash, deviceHash, attemptsMax, lockS }: CountAttemptOptions,
): Promise<Attempt> {
  const lapsed = sql`
    guard.attempted_at <= clock_timestamp() - make_interval(secs => ${lockS})`
  const { rows } = await sql<{ deviceHash: Buffer; counted: boolean }>`
    with place as (
      select coalesce((
        select device_hash from public.login_guards
        where account_hash = ${accountHash} and device_hash = ${deviceHash}
      ), '') as device_hash
    ), counted as (
      insert into public.login_guards as guard
        (account_hash, device_hash, attempts, attempted_at)
      select ${accountHash}, device_hash, 1, clock_timestamp() from place
      on conflict (account_hash, device_hash) do update
      set
        attempts = case when ${lapsed} then 1 else guard.attempts + 1 end,
        attempted_at = clock_timestamp(),
        announced = false
      where ${lapsed} or guard.attempts < ${attemptsMax}
      returning 1
    )
    select device_hash as "deviceHash", exists (select from counted) as counted
    from place`.execute(db)
  const row = rows[0]
  if (row === undefined) throw new Error('a row without a condition always comes')
  return { counted: row.counted, guard: { accountHash, deviceHash: row.deviceHash } }
}

/** Takes the attempts back: somebody has proved who they are. */
export async function forgetAttempts(
  db: Kysely<AuthDatabase>,
  { accountHash, deviceHash }: GuardKey,
): Promise<void> {
  await sql`
    update public.login_guards set attempts = 0
    where account_hash = ${accountHash} and device_hash = ${deviceHash}`.execute(db)
}

/** Forgets all attempts on an account and every browser it was known in. */
export async function forgetGuards(db: Kysely<AuthDatabase>, accountHash: Buffer): Promise<void> {
  await sql`delete from public.login_guards where account_hash = ${accountHash}`.execute(db)
}
