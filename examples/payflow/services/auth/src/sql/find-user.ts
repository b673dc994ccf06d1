import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A user, as stored. */
export interface StoredUser {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly passwordHash: string
  /** Another one with each change of the password. */
  readonly passwordVersion: number
}

/** Finds a user by e-mail address, in any case. */
export async function findUserByEmail(
  db: Kysely<AuthDatabase>,
  email: string,
): Promise<StoredUser | undefined> {
  const { rows } = await sql<StoredUser>`
    select id, email, name, password_hash as "passwordHash",
      password_version as "passwordVersion"
    from public.users
    where lower(email) = lower(${email})`.execute(db)
  return rows[0]
}

/** Finds a user by id. */
export async function findUserById(
  db: Kysely<AuthDatabase>,
  id: string,
): Promise<StoredUser | undefined> {
  const { rows } = await sql<StoredUser>`
    select id, email, name, password_hash as "passwordHash",
      password_version as "passwordVersion"
    from public.users
    where id = ${id}`.execute(db)
  return rows[0]
}
