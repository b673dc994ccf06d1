/*
 * Goal: docs/security.md says what each database role may do, and nothing is left out.
 * Method: a real migration; then PostgreSQL is asked what it would allow, of tables, columns, functions
 * and schemas, and the table of the document is written anew from the answer. After a change,
 * `pnpm exec vitest run examples/payflow/migrations/test/roles-document -u` writes it.
 */
import { readFileSync } from 'node:fs'
import { sharedServers, uniqueName } from '@payflow/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DATABASES, migrateAll, type DatabaseName } from '../src/index.ts'

const document = new URL('../../../../docs/security.md', import.meta.url)
const prefix = uniqueName('roles').replaceAll(/[^a-z0-9_]/g, '_')
const adminUrl = sharedServers().postgresUrl

async function ask<Row extends object>(database: string, text: string): Promise<Row[]> {
  const url = new URL(adminUrl)
  url.pathname = `/${database}`
  const client = new pg.Client({ connectionString: url.href })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  const passwords = { auth: 'a', wallet: 'b', transaction: 'c', notification: 'd' }
  await migrateAll({ adminUrl, passwords, prefix })
})

afterAll(async () => {
  for (const name of DATABASES) {
    await ask('postgres', `drop database if exists ${prefix}_${name} with (force)`)
    await ask('postgres', `drop role if exists ${prefix}_${name}`)
  }
  await ask('postgres', `drop role if exists ${prefix}_owner`)
  await ask('postgres', `drop role if exists ${prefix}_auditor`)
})

interface Right {
  readonly what: string
  readonly privilege: string
}

/** Everything in a database that a role, or everybody, was given. PostgreSQL's own schemas aside. */
function rightsOf(database: string, role: string): Promise<Right[]> {
  const own = "nspname not in ('information_schema') and nspname not like 'pg\\_%'"
  const given = (acl: string) => `lateral aclexplode(${acl}) one
    where one.grantee in (0, (select oid from pg_roles where rolname = '${role}')) and ${own}`
  return ask(
    database,
    `select nspname || '.' || relname as what, lower(one.privilege_type) as privilege
       from pg_class join pg_namespace n on n.oid = relnamespace, ${given('relacl')}
     union all
     select nspname || '.' || relname || '(' || attname || ')', lower(one.privilege_type)
       from pg_attribute join pg_class c on c.oid = attrelid
       join pg_namespace n on n.oid = relnamespace, ${given('attacl')}
     union all
     select nspname || ': functions', lower(one.privilege_type)
       from pg_proc join pg_namespace n on n.oid = pronamespace,
       ${given("coalesce(proacl, acldefault('f', proowner))")} and prorettype <> 'trigger'::regtype
     union all
     select nspname || ': schema', lower(one.privilege_type)
       from pg_namespace, ${given('nspacl')}`,
  )
}

const order = ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']

/** `select, insert on a, b; …`: tables with the same rights together. */
function sentence(rights: readonly Right[]): string {
  const tables = rights.filter(({ what }) => !what.includes(': '))
  const verbsOf = Map.groupBy(tables, ({ what }) => what)
  const listOf = Map.groupBy(verbsOf.keys(), (what) =>
    (verbsOf.get(what) ?? [])
      .map(({ privilege }) => privilege)
      .toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
      .join(', '),
  )
  const parts = [...listOf]
    .map(([verbs, names]) => `${verbs}: ${names.toSorted().map(code).join(', ')}`)
    .toSorted()
  const functions = rights.filter(({ what }) => what.endsWith(': functions'))
  const schemas = new Set(functions.map(({ what }) => what.split(':')[0]))
  for (const schema of schemas) parts.push(`execute: the functions of \`${schema}\` it was given`)
  return parts.join('; ')
}

const code = (name: string) => `\`${name.replace(/^public\./, '')}\``

describe('docs/security.md', () => {
  test('says of each role what PostgreSQL says', async () => {
    const rows: string[] = []
    const asked: readonly (readonly [string, DatabaseName])[] = [
      ...DATABASES.map((name) => [name, name] as const),
      ['auditor', 'wallet'],
    ]
    for (const [role, database] of asked) {
      const rights = await rightsOf(`${prefix}_${database}`, `${prefix}_${role}`)
      expect(rights.length).toBeGreaterThan(0)
      rows.push(`| \`payflow_${role}\` | \`payflow_${database}\` | ${sentence(rights)} |`)
    }
    const table = ['| role | database | may |', '| --- | --- | --- |', ...rows].join('\n')
    const text = readFileSync(document, 'utf8')
    const [begin, end] = ['<!-- generated: roles -->\n', '<!-- end: roles -->']
    const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
    expect(from > begin.length && to >= from).toBe(true)
    const written = `${text.slice(0, from)}\n${table}\n\n${text.slice(to)}`
    await expect(written).toMatchFileSnapshot(document.pathname)
  })

  test('says that no role makes tables, is another role, or is more than a role', async () => {
    for (const name of DATABASES) {
      const role = `${prefix}_${name}`
      const rights = await rightsOf(role, role)
      const schemas = rights.filter(({ what }) => what.endsWith(': schema'))
      expect(schemas.filter(({ privilege }) => privilege !== 'usage')).toEqual([])
      const [attributes] = await ask(
        role,
        `select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as more,
           exists (select from pg_auth_members where member = r.oid) as others
         from pg_roles r where rolname = '${role}'`,
      )
      expect(attributes).toEqual({ more: false, others: false })
    }
  })
})
