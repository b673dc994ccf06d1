import { randomBytes } from 'node:crypto'
import { sharedServers, type TestDatabase } from '@payflow/testkit'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

/** Roles of a test: names that nobody else has, and their removal. */
export interface TestRoles extends AsyncDisposable {
  /** For the option `roles`. Nothing is created. */
  readonly names: { readonly owner: string; readonly app: string; readonly auditor: string }
  /** Creates a role with these attributes and rights, that can log in. */
  login(attributes?: string, ...memberOf: readonly string[]): Promise<string>
  /** Creates a role that cannot. */
  role(): Promise<string>
}

/** Dispose after the databases that use them: a role in use cannot be dropped. */
export function testRoles(): TestRoles {
  const prefix = `test_${randomBytes(6).toString('hex')}`
  const names = { owner: `${prefix}_owner`, app: `${prefix}_app`, auditor: `${prefix}_auditor` }
  const made: string[] = Object.values(names)
  const create = async (attributes: string, memberOf: readonly string[]) => {
    const name = `${prefix}_${made.length}`
    made.push(name)
    await asSuperuser(`create role ${name} ${attributes}`)
    for (const group of memberOf) await asSuperuser(`grant ${group} to ${name}`)
    return name
  }
  return {
    names,
    login: (attributes = '', ...memberOf) =>
      create(`login password '${PASSWORD}' ${attributes}`, memberOf),
    role: () => create('nologin', []),
    async [Symbol.asyncDispose]() {
      for (const name of made) await asSuperuser(`drop role if exists ${name}`)
    },
  }
}

/** The address of the database for the login. */
export function urlAs({ url }: TestDatabase, login: string): string {
  const address = new URL(url)
  address.username = login
  address.password = PASSWORD
  return address.href
}

/** A Kysely of the database for the login. Destroy it before the database. */
export function connectAs(
  database: TestDatabase,
  login: string,
  config: pg.PoolConfig = {},
): Kysely<any> & AsyncDisposable {
  const pool = new pg.Pool({ connectionString: urlAs(database, login), max: 2, ...config })
  pool.on('error', () => undefined)
  return new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
}

/** Makes the login the owner of the database, as somebody who migrates usually is. */
export async function giveDatabase({ name }: TestDatabase, login: string): Promise<void> {
  await asSuperuser(`alter database ${name} owner to ${login}`)
}

// For servers that ask for one; ours on loopback trust everybody.
const PASSWORD = 'a-password-for-tests'

async function asSuperuser(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: sharedServers().postgresUrl })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
