import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import {
  DATABASES,
  grantRole,
  isNewerThanOurs,
  migrations,
  type DatabaseName,
} from './databases.ts'
import { scramVerifier } from './scram-verifier.ts'

/** Options of {@link migrateAll}. */
export interface MigrateAllOptions {
  /** A role that may create databases and roles. Needed here only; no service has it. */
  readonly adminUrl: string
  /** The password each service's role gets. */
  readonly passwords: Readonly<Record<DatabaseName, string>>
  /** Databases and roles are named `<prefix>_<service>`. @defaultValue `'payflow'` */
  readonly prefix?: string
  /** Called with one line for each step. */
  readonly onProgress?: (line: string) => void
}

/** All runs take this advisory lock of the admin's database; the number means nothing. */
const LOCK = 7_202_611_221

/**
 * Creates the four databases and their roles, or brings them up to date. Each role reaches its own
 * database and no other. `<prefix>_auditor`, which cannot log in, is for people: a login that is
 * made a member of it may read and verify the ledger and move nothing. Safe to repeat, to interrupt, and to run twice at once: the second run
 * waits for the first.
 *
 * @throws PostgreSQL's error when a statement fails. What was done until then stays and is found
 * done by the next run.
 */
export async function migrateAll(options: MigrateAllOptions): Promise<void> {
  const { adminUrl, passwords, prefix = 'payflow', onProgress = () => undefined } = options
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(prefix)) {
    throw new RangeError(`the prefix ${JSON.stringify(prefix)} is no plain SQL name`)
  }
  await withConnection({ connectionString: adminUrl }, async (admin) => {
    // Held by the session until it ends, however it ends.
    await sql`select pg_advisory_lock(${LOCK})`.execute(admin)
    await closeMaintenanceDatabases(admin)
    const [owner, auditor] = [`${prefix}_owner`, `${prefix}_auditor`]
    await createOwner(admin, owner)
    await createGroup(admin, auditor)
    for (const name of DATABASES) {
      const database = `${prefix}_${name}`
      await createRole(admin, database, passwords[name])
      const created = await createDatabase(admin, database, owner)
      // As the owner, from the first statement on: nothing in there belongs to a superuser.
      const connection = {
        connectionString: urlOf(adminUrl, database),
        options: `-c role=${owner}`,
      }
      await withConnection(connection, async (db) => {
        await migrations[name](db, { owner, app: database, auditor })
        await grantRole(db, name, database)
        if (await isNewerThanOurs(db, name)) {
          onProgress(`${database}: the database is newer than this version; nothing to do`)
        }
      })
      if (name === 'wallet') await letIn(admin, database, auditor)
      onProgress(`${database}: ${created ? 'created and ' : ''}up to date`)
    }
  })
}

/**
 * Owns the databases and all that is in them, and cannot log in. The ledger's functions run with
 * its rights: with a superuser's they would be a way to more than the ledger.
 */
async function createOwner(admin: Kysely<any>, owner: string): Promise<void> {
  await createGroup(admin, owner)
  const member = await sql<{ yes: boolean }>`
    select pg_has_role(current_user, ${owner}, 'member') as yes`.execute(admin)
  if (member.rows[0]?.yes !== true) {
    await sql`grant ${sql.id(owner)} to current_user`.execute(admin)
  }
}

async function createGroup(admin: Kysely<any>, role: string): Promise<void> {
  const known = await sql`select from pg_roles where rolname = ${role}`.execute(admin)
  if (known.rows.length === 0) await sql`create role ${sql.id(role)} nologin`.execute(admin)
}

async function createRole(admin: Kysely<any>, role: string, password: string): Promise<void> {
  const known = await sql`select from pg_roles where rolname = ${role}`.execute(admin)
  const verb = sql.raw(known.rows.length === 0 ? 'create' : 'alter')
  await sql`${verb} role ${sql.id(role)} with login noinherit nocreatedb nocreaterole
    password ${sql.lit(scramVerifier(password))}`.execute(admin)
}

/** Returns whether it had to be created. Nobody but its role (and the owner) may connect. */
async function createDatabase(
  admin: Kysely<any>,
  database: string,
  owner: string,
): Promise<boolean> {
  const known = await sql`select from pg_database where datname = ${database}`.execute(admin)
  const name = sql.id(database)
  if (known.rows.length === 0) {
    await sql`create database ${name} owner ${sql.id(owner)}`.execute(admin)
  }
  await sql`revoke all on database ${name} from public`.execute(admin)
  await letIn(admin, database, database)
  return known.rows.length === 0
}

async function letIn(admin: Kysely<any>, database: string, role: string): Promise<void> {
  await sql`grant connect on database ${sql.id(database)} to ${sql.id(role)}`.execute(admin)
}

/**
 * PostgreSQL lets everybody connect to its own two databases, and there look up the names of all
 * others. Skipped when already done, and where the admin does not own them (hosted PostgreSQL).
 */
async function closeMaintenanceDatabases(admin: Kysely<any>): Promise<void> {
  const open = await sql<{ datname: string }>`
    select datname from pg_database
    where datname in ('postgres', 'template1')
      and has_database_privilege('public', oid, 'connect')
      and pg_has_role(datdba, 'usage')`.execute(admin)
  for (const { datname } of open.rows) {
    await sql`revoke connect on database ${sql.id(datname)} from public`.execute(admin)
  }
}

async function withConnection(
  connection: { readonly connectionString: string; readonly options?: string },
  work: (db: Kysely<any>) => Promise<void>,
): Promise<void> {
  // One connection: the advisory lock belongs to the session that took it.
  const pool = new pg.Pool({ ...connection, max: 1, connectionTimeoutMillis: 5_000 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  try {
    await work(db)
  } finally {
    await db.destroy()
  }
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${database}`
  return url.href
}
