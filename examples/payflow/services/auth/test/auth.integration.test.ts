/*
 * Goal: sessions that a thief cannot keep, answers that tell nothing, and never a 500.
 * Method: auth-service as its real process on a real PostgreSQL, spoken to over HTTP.
 */
import {
  CONTACTS_MAX,
  contactsView,
  problemSchema,
  sessionView,
  type SessionView,
} from '@payflow-app/contracts'
import { migrateAuth } from '@payflow-app/migrations'
import {
  newSecrets,
  serviceTokenOf,
  startService,
  type RunningService,
  type Secrets,
} from '@payflow-app/service-kit/testing'
import { createTestDatabase, freePort, random, type TestDatabase } from '@payflow/testkit'
import fc from 'fast-check'
import { sql } from 'kysely'
import { createRemoteJWKSet, jwtVerify, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PASSWORD as password } from './support/people.ts'

const main = new URL('../src/main.ts', import.meta.url)
let database: TestDatabase
let auth: RunningService
let secrets: Secrets

beforeAll(async () => {
  database = await createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' })
  // Nobody listens there: registration must not need wallet-service.
  const walletUrl = `http://127.0.0.1:${await freePort()}`
  secrets = await newSecrets()
  auth = await startService(main, {
    ...secrets,
    DATABASE_URL: database.url,
    WALLET_URL: walletUrl,
    // Nor there: whatever is told waits in the outbox.
    RABBITMQ_URL: `amqp://127.0.0.1:${await freePort()}`,
    REFRESH_GRACE_MS: '0',
  })
})

afterAll(async () => {
  await auth.child.kill()
  await database.dispose()
})

let people = 0
function newPerson(): { email: string; password: string; name: string } {
  people += 1
  const tag = `${Math.floor(random() * 1e9)}${people}`
  return { email: `annie.${tag}@example.com`, password, name: `Annie ${tag}` }
}

function post(path: string, body?: unknown, headers: Record<string, string> = {}) {
  return fetch(auth.url + path, {
    method: 'POST',
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

function get(path: string, token: string) {
  return fetch(auth.url + path, { headers: { authorization: `Bearer ${token}` } })
}

async function codeOf(response: Response): Promise<[number, string | undefined]> {
  const problem = problemSchema.parse(await response.json())
  return [response.status, problem.code]
}

/** The refresh cookie of an answer, as a request header. */
function cookieOf(response: Response): string {
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

async function register(person = newPerson()) {
  const response = await post('/auth/register', person)
  expect(response.status).toBe(201)
  const session: SessionView = sessionView.parse(await response.json())
  return { person, session, cookie: cookieOf(response) }
}

describe('POST /auth/register', () => {
  test('creates a user who is logged in at once', async () => {
    const person = newPerson()
    const { session } = await register({ ...person, email: ` ${person.email.toUpperCase()} ` })
    expect(session.user).toEqual({ id: session.user.id, email: person.email, name: person.name })
    expect(session.expiresIn).toBe(900)
    const me = await get('/auth/me', session.accessToken)
    expect([me.status, await me.json()]).toEqual([200, { user: session.user }])
  })

  test('signs tokens that the public keys verify and that name issuer, audience and user', async () => {
    const { session } = await register()
    const keys = createRemoteJWKSet(new URL(`${auth.url}/.well-known/jwks.json`))
    const { payload, protectedHeader } = await jwtVerify(session.accessToken, keys)
    expect(protectedHeader.alg).toBe('EdDSA')
    expect(payload).toMatchObject({ iss: 'payflow-auth', aud: 'payflow', sub: session.user.id })
    expect(Number(payload.exp) - Number(payload.iat)).toBe(900)
  })

  test('publishes no private part of its key', async () => {
    const text = await (await fetch(`${auth.url}/.well-known/jwks.json`)).text()
    expect(Object.keys(JSON.parse(text).keys[0]).toSorted()).toEqual([
      'alg',
      'crv',
      'kid',
      'kty',
      'use',
      'x',
    ])
  })

  test('keeps the refresh token in a cookie that scripts and other sites cannot use', async () => {
    const response = await post('/auth/register', newPerson())
    const [cookie = ''] = response.headers.getSetCookie()
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/api/auth']) {
      expect(cookie).toContain(attribute)
    }
    expect(await response.text()).not.toContain(cookieOf(response).split('=')[1])
  })

  test('refuses an address that is taken, in any case, also when both come at once', async () => {
    const person = newPerson()
    const twins = [person, { ...person, email: person.email.toUpperCase() }]
    const responses = await Promise.all(twins.map((twin) => post('/auth/register', twin)))
    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409])
    const refused = responses.find(({ status }) => status === 409)
    expect(await codeOf(refused as Response)).toEqual([409, 'email_taken'])
  })

  test('stores no password, only its argon2id hash', async () => {
    const { session } = await register()
    const row = await database.db
      .selectFrom('users')
      .selectAll()
      .where('id', '=', session.user.id)
      .executeTakeFirstOrThrow()
    expect(row['password_hash']).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(auth.child.stdout()).not.toContain(password)
  })

  test.each([
    ['no body', undefined],
    ['an empty body', {}],
    ['a short password', { ...newPerson(), password: '123456789' }],
    ['a long password', { ...newPerson(), password: 'x'.repeat(129) }],
    ['no address', { ...newPerson(), email: 'annie' }],
    ['a NUL in the name', { ...newPerson(), name: 'An\u0000nie' }],
    ['half a character in the name', { ...newPerson(), name: '\ud83c' }],
    ['an unknown field', { ...newPerson(), admin: true }],
    ['an object for a name', { ...newPerson(), name: { $gt: '' } }],
  ])('refuses %s', async (_, body) => {
    expect(await codeOf(await post('/auth/register', body))).toEqual([400, 'validation_failed'])
  })
})

describe('POST /auth/login', () => {
  test('lets in whoever has the password', async () => {
    const { person, session } = await register()
    const { email } = person
    const response = await post('/auth/login', { email: email.toUpperCase(), password })
    expect(response.status).toBe(200)
    expect(sessionView.parse(await response.json()).user).toEqual(session.user)
  })

  test('takes every Unicode spelling of one password', async () => {
    const person = { ...newPerson(), password: 'pässwörd-äöü'.normalize('NFC') }
    await register(person)
    const decomposed = person.password.normalize('NFD')
    const response = await post('/auth/login', { email: person.email, password: decomposed })
    expect(response.status).toBe(200)
    await response.body?.cancel()
  })

  test('says the same of an unknown address and a wrong password', async () => {
    const { person } = await register()
    const bodies = await Promise.all(
      [person.email, 'nobody@example.com'].map(async (email) => {
        const response = await post('/auth/login', { email, password: 'wrong password' })
        const { requestId: _, ...body } = problemSchema.parse(await response.json())
        return body
      }),
    )
    expect(bodies[0]).toMatchObject({ status: 401, code: 'invalid_credentials' })
    expect(bodies[1]).toEqual(bodies[0])
  })
})

describe('POST /auth/refresh', () => {
  test('exchanges the token for a new one, again and again', async () => {
    let { cookie } = await register()
    const seen = new Set([cookie])
    for (let i = 0; i < 3; i += 1) {
      const response = await post('/auth/refresh', undefined, { cookie })
      expect(response.status).toBe(200)
      cookie = cookieOf(response)
      expect(seen.has(cookie)).toBe(false)
      seen.add(cookie)
      const { accessToken } = sessionView.parse(await response.json())
      expect((await get('/auth/me', accessToken)).status).toBe(200)
    }
  })

  test('ends the session of thief and owner when a token comes twice', async () => {
    const { cookie } = await register()
    const stolen = cookieOf(await post('/auth/refresh', undefined, { cookie }))
    const again = await post('/auth/refresh', undefined, { cookie })
    expect(await codeOf(again)).toEqual([401, 'refresh_token_invalid'])
    const thief = await post('/auth/refresh', undefined, { cookie: stolen })
    expect(await codeOf(thief)).toEqual([401, 'refresh_token_invalid'])
  })

  test('lets one of many simultaneous uses of one token through at most', async () => {
    const { cookie } = await register()
    const uses = Array.from({ length: 8 }, () => post('/auth/refresh', undefined, { cookie }))
    const statuses = (await Promise.all(uses)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 401)).toHaveLength(7)
  })

  test.each(['', 'payflow_refresh=', `payflow_refresh=${'a'.repeat(43)}`, 'payflow_refresh=%00'])(
    'refuses the cookie %j',
    async (cookie) => {
      const response = await post('/auth/refresh', undefined, { cookie })
      expect(await codeOf(response)).toEqual([401, 'refresh_token_invalid'])
    },
  )

  test('refuses two cookies of one name, of which one may be another site’s', async () => {
    const { cookie } = await register()
    const other = `payflow_refresh=${'a'.repeat(43)}`
    for (const both of [`${cookie}; ${other}`, `${other}; ${cookie}`]) {
      const response = await post('/auth/refresh', undefined, { cookie: both })
      expect(await codeOf(response)).toEqual([401, 'refresh_token_invalid'])
    }
    // Nothing has happened to the session.
    expect((await post('/auth/refresh', undefined, { cookie })).status).toBe(200)
  })

  test('refuses a token past its time', async () => {
    const { cookie, session } = await register()
    await sql`
      update refresh_tokens set expires_at = now()
      where family_id in (select id from refresh_families where user_id = ${session.user.id})`.execute(
      database.db,
    )
    const response = await post('/auth/refresh', undefined, { cookie })
    expect(await codeOf(response)).toEqual([401, 'refresh_token_invalid'])
  })
})

describe('POST /auth/logout', () => {
  test('ends the session and clears the cookie, and may be repeated', async () => {
    const { cookie } = await register()
    for (let i = 0; i < 2; i += 1) {
      const response = await post('/auth/logout', undefined, { cookie })
      expect(response.status).toBe(204)
      expect(response.headers.getSetCookie()[0]).toMatch(
        /^payflow_refresh=;.*Expires=Thu, 01 Jan 1970/,
      )
    }
    const response = await post('/auth/refresh', undefined, { cookie })
    expect(await codeOf(response)).toEqual([401, 'refresh_token_invalid'])
  })

  test('leaves other sessions of the user alone', async () => {
    const { person, cookie } = await register()
    const second = cookieOf(await post('/auth/login', { email: person.email, password }))
    await post('/auth/logout', undefined, { cookie })
    expect((await post('/auth/refresh', undefined, { cookie: second })).status).toBe(200)
  })
})

describe('GET /auth/me', () => {
  test('refuses whatever is not a token of ours', async () => {
    const { session } = await register()
    const [header, payload, signature] = session.accessToken.split('.')
    const unsigned = new UnsecuredJWT({})
      .setIssuer('payflow-auth')
      .setAudience('payflow')
      .setSubject(session.user.id)
      .setExpirationTime('1h')
      .encode()
    for (const token of [
      unsigned,
      `${header}.${payload}.`,
      `${header}.e30.${signature}`,
      'a.b.c',
      'x',
    ]) {
      expect(await codeOf(await get('/auth/me', token))).toEqual([401, 'unauthenticated'])
    }
    const without = await fetch(`${auth.url}/auth/me`)
    expect(without.headers.get('www-authenticate')).toContain('Bearer')
    expect(await codeOf(without)).toEqual([401, 'unauthenticated'])
  })
})

describe('GET /users', () => {
  test('finds others by the beginning of name or address, without balances', async () => {
    const { session } = await register()
    const bea = { email: `bea.${Date.now()}@example.com`, password, name: 'Bea 100%_\\Sure' }
    const { session: found } = await register(bea)
    for (const query of ['bEA 100', bea.email.slice(0, 12), 'bea 100%_\\']) {
      const response = await get(`/users?query=${encodeURIComponent(query)}`, session.accessToken)
      const page = (await response.json()) as { items: unknown[]; nextCursor: unknown }
      expect(page.items).toContainEqual({ id: found.user.id, email: bea.email, name: bea.name })
      expect(page.nextCursor).toBeNull()
    }
  })

  test('takes wildcards literally', async () => {
    const { session } = await register()
    for (const query of ['%%', '__', '\\\\', "'; --"]) {
      const response = await get(`/users?query=${encodeURIComponent(query)}`, session.accessToken)
      expect(await response.json()).toEqual({ items: [], nextCursor: null })
    }
  })

  test('names ten at most and never the one who asks', async () => {
    const crowd = await Promise.all(Array.from({ length: 12 }, () => register()))
    const { session } = crowd[0]!
    const response = await get('/users?query=annie', session.accessToken)
    const { items } = (await response.json()) as { items: { id: string }[] }
    expect(items).toHaveLength(10)
    expect(items.map(({ id }) => id)).not.toContain(session.user.id)
  })

  test.each([
    '',
    'query=',
    'query=a',
    'query=ab&query=cd',
    `query=${'x'.repeat(255)}`,
    'query=a%00b',
  ])('refuses ?%s', async (query) => {
    const { session } = await register()
    const response = await get(`/users?${query}`, session.accessToken)
    expect(await codeOf(response)).toEqual([400, 'validation_failed'])
  })
})

describe('GET /users/:id', () => {
  test('names a user to whoever is logged in, with nothing but name and address', async () => {
    const { session } = await register()
    const bea = { email: `bea.${Date.now()}.id@example.com`, password, name: 'Bea' }
    const { session: other } = await register(bea)
    const response = await get(`/users/${other.user.id}`, session.accessToken)
    expect(await response.json()).toEqual({ id: other.user.id, email: bea.email, name: 'Bea' })
    expect((await fetch(`${auth.url}/users/${other.user.id}`)).status).toBe(401)
  })

  test('answers 404 for an unknown id and 400 for what is no id', async () => {
    const { session } = await register()
    const unknown = await get('/users/0193e4f0-0000-7000-8000-000000000000', session.accessToken)
    expect(await codeOf(unknown)).toEqual([404, 'not_found'])
    const garbage = await get('/users/bea', session.accessToken)
    expect(await codeOf(garbage)).toEqual([400, 'validation_failed'])
  })
})

describe('GET /internal/contacts', () => {
  const call = { caller: 'notification', audience: 'auth' } as const
  const nobody = '00000000-0000-4000-8000-000000000000'

  test('tells notification-service where mail to some users goes, and leaves out who is not there', async () => {
    const { session } = await register()
    const bea = { email: `bea.${Date.now()}.mail@example.com`, password, name: 'Bea' }
    const { session: other } = await register(bea)
    const contacts = [session, other].map(({ user: { id: userId, email, name } }) => ({
      userId,
      email,
      name,
    }))
    const ids = [nobody, ...contacts.map(({ userId }) => userId)].join(',')
    const answer = await get(`/internal/contacts?ids=${ids}`, await serviceTokenOf(secrets, call))
    expect(answer.status).toBe(200)
    const { items } = contactsView.parse(await answer.json())
    const byId = (list: typeof contacts) => list.toSorted((a, b) => (a.userId < b.userId ? -1 : 1))
    expect(byId(items)).toEqual(byId(contacts))
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('tells it to no user, and to no token for another service', async () => {
    const { session } = await register()
    const path = `/internal/contacts?ids=${session.user.id}`
    const toWallet = await serviceTokenOf(secrets, { caller: 'auth', audience: 'wallet' })
    for (const token of [session.accessToken, toWallet, 'x']) {
      expect(await codeOf(await get(path, token))).toEqual([401, 'unauthenticated'])
    }
    expect(await codeOf(await fetch(auth.url + path))).toEqual([401, 'unauthenticated'])
  })

  test('takes as many ids as it says, and answers 400 for more and for what is no id', async () => {
    const token = await serviceTokenOf(secrets, call)
    const ask = (ids: readonly string[]) => get(`/internal/contacts?ids=${ids.join(',')}`, token)
    expect((await ask(Array.from({ length: CONTACTS_MAX }, () => nobody))).status).toBe(200)
    for (const ids of [['x'], [], Array.from({ length: CONTACTS_MAX + 1 }, () => nobody)]) {
      expect(await codeOf(await ask(ids))).toEqual([400, 'validation_failed'])
    }
    const twice = await get(`/internal/contacts?ids=${nobody}&ids=${nobody}`, token)
    expect(await codeOf(twice)).toEqual([400, 'validation_failed'])
  })
})

describe('any route', () => {
  test('answers generated garbage with 4xx problems, never a 500', async () => {
    const paths = ['/auth/register', '/auth/login', '/auth/refresh', '/auth/logout', '/users']
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
        fc.oneof(fc.json(), fc.string({ unit: 'binary' })),
        async (path, method, body) => {
          const response = await fetch(auth.url + path, {
            method,
            headers: { 'content-type': 'application/json' },
            ...(method !== 'GET' && { body }),
          })
          await response.body?.cancel()
          expect(response.status).toBeLessThan(500)
          const type = response.headers.get('content-type') ?? ''
          expect(response.ok || type.startsWith('application/problem+json')).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('SIGTERM', () => {
  test('ends the process in order', async () => {
    expect(await auth.stop()).toBe(0)
    expect(auth.logs().at(-1)).toMatchObject({ message: 'stopped' })
  })
})
