/*
 * Goal: one front door. Only known routes, only valid requests, one payment per key, and neither a
 * lost Redis nor a lost service makes it hang, crash or pay twice.
 * Method: the real gateway, auth-, wallet- and transaction-service on real servers, over HTTP.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import {
  acceptedTransaction,
  problemSchema,
  transactionPage,
  walletView,
  type WalletView,
} from '@payflow-app/contracts'
import { serviceTokenOf } from '@payflow-app/service-kit/testing'
import { waitFor } from '@payflow/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { register, startSystem, type Person, type System } from './system.ts'

let system: System
let annie: Person
let bea: Person

beforeAll(async () => {
  system = await startSystem()
  annie = await register(system.url, 'Annie')
  bea = await register(system.url, 'Bea')
})

afterAll(() => system.stop())

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: any
}

async function call(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(system.url + path, init)
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  const json: unknown = isJson && text !== '' ? JSON.parse(text) : undefined
  return { status: response.status, headers: response.headers, text, json }
}

const as = (person: Person) => ({ authorization: `Bearer ${person.accessToken}` })

function pay(body: unknown, headers: Record<string, string>, from = annie): Promise<Answer> {
  return call('/api/transactions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...as(from), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

const payment = (amount = 100) => ({ toUserId: bea.user.id, amount, currency: 'USD' })
const keyed = (key: string = randomUUID()) => ({ 'idempotency-key': key })

/** Status and code of an answer that must be a well-formed problem. */
function problemOf(answer: Answer): [number, string | undefined] {
  const problem = problemSchema.parse(answer.json)
  expect(problem.status).toBe(answer.status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  return [answer.status, problem.code]
}

async function walletOf(person: Person): Promise<WalletView> {
  return walletView.parse((await call('/api/wallets/me', { headers: as(person) })).json)
}

async function historyOf(person: Person) {
  return transactionPage.parse((await call('/api/transactions', { headers: as(person) })).json)
    .items
}

describe('POST /api/transactions', () => {
  test('accepts a payment at once and reserves the money', async () => {
    const sender = await register(system.url)
    const answer = await pay({ ...payment(5000), note: 'Lunch' }, keyed(), sender)
    expect(answer.status).toBe(202)
    expect(acceptedTransaction.parse(answer.json)).toMatchObject({
      status: 'PENDING',
      message: 'Transaction received. Processing.',
      fromUserId: sender.user.id,
      amount: 5000,
      note: 'Lunch',
    })
    expect(await walletOf(sender)).toMatchObject({
      balance: 100_000,
      available: 95_000,
      pending: 5000,
    })
    expect((await historyOf(sender)).map(({ id }) => id)).toEqual([answer.json.id])
  })

  test.each([
    ['no key', {}, 'idempotency_key_missing'],
    ['an empty key', keyed(''), 'idempotency_key_invalid'],
    ['a key of 256 characters', keyed('x'.repeat(256)), 'idempotency_key_invalid'],
    ['a key with a comma', keyed('a,b'), 'idempotency_key_invalid'],
    ['a key with a space', keyed('a b'), 'idempotency_key_invalid'],
    ['a key outside ASCII', keyed('k\u00e9y'), 'idempotency_key_invalid'],
  ])('refuses %s', async (_, headers, code) => {
    expect(problemOf(await pay(payment(), headers))).toEqual([400, code])
  })

  test('refuses two key headers', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const req = request(`${system.url}/api/transactions`, {
        method: 'POST',
        headers: {
          ...as(annie),
          'content-type': 'application/json',
          'idempotency-key': [randomUUID(), randomUUID()],
        },
      })
      req.on('response', (res) => {
        res.resume()
        res.on('end', () => resolve(res.statusCode))
      })
      req.on('error', reject)
      req.end(JSON.stringify(payment()))
    })
    expect(status).toBe(400)
  })

  test('replays the first answer byte for byte, however the retry is spelt', async () => {
    const key = randomUUID()
    const first = await pay(payment(), keyed(key))
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    const { toUserId, amount, currency } = payment()
    const spellings = [
      pay(payment(), keyed(key)),
      pay(payment(), keyed(`"${key}"`)),
      pay({ currency, amount, toUserId: toUserId.toUpperCase() }, keyed(key)),
    ]
    for (const again of await Promise.all(spellings)) {
      expect([again.status, again.text]).toEqual([202, first.text])
      expect(again.headers.get('idempotent-replayed')).toBe('true')
    }
  })

  test('refuses the key of another request with 422', async () => {
    const key = randomUUID()
    await pay(payment(100), keyed(key))
    expect(problemOf(await pay(payment(101), keyed(key)))).toEqual([422, 'idempotency_key_reused'])
  })

  test('takes the same key of two users for two keys', async () => {
    const key = randomUUID()
    const mine = await pay(payment(), keyed(key))
    const theirs = await pay({ ...payment(), toUserId: annie.user.id }, keyed(key), bea)
    expect([mine.status, theirs.status]).toEqual([202, 202])
    expect(theirs.json).toMatchObject({ fromUserId: bea.user.id })
    expect(theirs.json.id).not.toBe(mine.json.id)
  })

  test('makes one payment of twenty simultaneous requests with one key', async () => {
    const sender = await register(system.url)
    const key = randomUUID()
    const twenty = Array.from({ length: 20 }, () => pay(payment(), keyed(key), sender))
    const answers = await Promise.all(twenty)
    const ids = new Set(answers.filter(({ status }) => status === 202).map(({ json }) => json.id))
    expect(ids.size).toBe(1)
    expect(answers.filter(({ status }) => ![202, 409].includes(status))).toEqual([])
    expect(await historyOf(sender)).toHaveLength(1)
    expect(await walletOf(sender)).toMatchObject({ available: 99_900 })
  })

  test('answers 409 and when to come back while the first request is in progress', async () => {
    const key = randomUUID()
    await system.transaction.child.arm('payment.claimed', 'stop')
    const first = pay(payment(), keyed(key))
    await system.transaction.child.reached('payment.claimed')
    const second = await pay(payment(), keyed(key))
    expect(problemOf(second)).toEqual([409, 'idempotency_in_progress'])
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(problemOf(await pay(payment(7), keyed(key)))).toEqual([422, 'idempotency_key_reused'])
    system.transaction.child.go('payment.claimed')
    const { status, text } = await first
    expect(status).toBe(202)
    expect((await pay(payment(), keyed(key))).text).toBe(text)
  })

  test('keeps a refusal for its key: the same answer, also when there is money later', async () => {
    const sender = await register(system.url)
    const key = randomUUID()
    const refused = await pay(payment(100_001), keyed(key), sender)
    expect(problemOf(refused)).toEqual([422, 'insufficient_funds'])
    const again = await pay(payment(100_001), keyed(key), sender)
    expect([again.status, again.json.code]).toEqual([422, 'insufficient_funds'])
    expect(await walletOf(sender)).toMatchObject({ available: 100_000, pending: 0 })
  })

  test.each([
    ['nothing', '', 'validation_failed'],
    ['half a body', '{"amount":', 'malformed_json'],
    ['a list', [], 'validation_failed'],
    ['an amount of zero', { amount: 0 }, 'validation_failed'],
    ['a negative amount', { amount: -5 }, 'validation_failed'],
    ['half a cent', { amount: 0.5 }, 'validation_failed'],
    ['an amount as text', { amount: '100' }, 'validation_failed'],
    ['more than the limit', { amount: 100_000_000_001 }, 'validation_failed'],
    ['an unknown currency', { currency: 'EUR' }, 'validation_failed'],
    ['no user id', { toUserId: 'bea' }, 'validation_failed'],
    ['a note with NUL', { note: '\u0000' }, 'validation_failed'],
    ['somebody else as the sender', { fromUserId: randomUUID() }, 'validation_failed'],
  ])('refuses %s and leaves the key unused', async (_, change, code) => {
    const key = randomUUID()
    const body =
      typeof change === 'string' || Array.isArray(change) ? change : { ...payment(), ...change }
    expect(problemOf(await pay(body, keyed(key)))).toEqual([400, code])
    expect((await pay(payment(1), keyed(key))).status).toBe(202)
  })

  test('refuses payments to oneself and to nobody', async () => {
    const self = await pay({ ...payment(), toUserId: annie.user.id }, keyed())
    expect(problemOf(self)).toEqual([422, 'self_transfer'])
    const nobody = await pay({ ...payment(), toUserId: randomUUID() }, keyed())
    expect(problemOf(nobody)).toEqual([422, 'recipient_unavailable'])
  })
})

describe('without Redis', () => {
  const degraded = (answer: Answer) => answer.headers.get('idempotency-degraded')

  /** Pays once, retries once, asks with another amount; returns how long it all took. */
  async function payTwice(): Promise<number> {
    const sender = await register(system.url)
    const key = randomUUID()
    const startedAt = performance.now()
    const first = await pay(payment(), keyed(key), sender)
    const again = await pay(payment(), keyed(key), sender)
    const other = await pay(payment(7), keyed(key), sender)
    const durationMs = performance.now() - startedAt
    expect([first.status, degraded(first)]).toEqual([202, 'true'])
    expect([again.status, again.json.id]).toEqual([202, first.json.id])
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(problemOf(other)).toEqual([422, 'idempotency_key_reused'])
    expect(await walletOf(sender)).toMatchObject({ available: 99_900 })
    return durationMs
  }

  async function redisIsBack(): Promise<void> {
    await waitFor(async () => degraded(await pay(payment(1), keyed())) === null, {
      timeoutMs: 60_000,
      message: 'the gateway to use Redis again',
    })
  }

  test('payments go on, once per key, while it is stopped', async () => {
    await system.redis.kill()
    expect(await payTwice()).toBeLessThan(5_000)
    const ready = await call('/health/ready')
    expect(ready.json).toMatchObject({ status: 'ready', checks: { redis: { status: 'down' } } })
    await system.redis.start()
    await redisIsBack()
  })

  test('payments go on, once per key, while it is frozen', async () => {
    system.redis.freeze()
    const durationMs = await payTwice().finally(() => system.redis.resume())
    expect(durationMs).toBeLessThan(5_000)
    await redisIsBack()
  })

  test('a forgotten key still belongs to its first request', async () => {
    const key = randomUUID()
    const first = await pay(payment(100), keyed(key))
    const redis = new Redis(system.redis.url)
    await redis.flushall()
    redis.disconnect()
    expect(problemOf(await pay(payment(101), keyed(key)))).toEqual([422, 'idempotency_key_reused'])
    const again = await pay(payment(100), keyed(key))
    expect([again.status, again.json.id]).toEqual([202, first.json.id])
  })

  test('what happened is counted', async () => {
    const { text } = await call('/metrics')
    expect(text).toMatch(/payflow_idempotency_events_total\{type="store_failed".*\} [1-9]/)
    expect(text).toMatch(/payflow_idempotency_events_total\{type="replayed".*\} [1-9]/)
  })
})

describe('authentication', () => {
  const routes = [
    ['GET', '/api/auth/me'],
    ['GET', '/api/users?query=bea'],
    ['GET', '/api/wallets/me'],
    ['GET', '/api/transactions'],
    ['POST', '/api/transactions'],
    ['GET', `/api/transactions/${randomUUID()}`],
    ['GET', '/api/notifications'],
    ['PUT', `/api/notifications/${randomUUID()}/read`],
  ] as const

  test.each(routes)('is needed for %s %s', async (method, path) => {
    const unsigned = new UnsecuredJWT({})
      .setIssuer('payflow-auth')
      .setAudience('payflow')
      .setSubject(annie.user.id)
      .setExpirationTime('1h')
      .encode()
    const serviceToken = await serviceTokenOf(system.secrets, {
      caller: 'transaction',
      audience: 'wallet',
    })
    for (const token of [undefined, 'x', unsigned, serviceToken]) {
      const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` }
      const answer = await call(path, { method, ...(headers && { headers }) })
      expect(problemOf(answer)).toEqual([401, 'unauthenticated'])
      expect(answer.headers.get('www-authenticate')).toContain('Bearer')
    }
  })

  test('shows nobody else’s payments', async () => {
    const { json } = await pay(payment(), keyed())
    const stranger = await register(system.url)
    const answer = await call(`/api/transactions/${json.id}`, { headers: as(stranger) })
    expect(problemOf(answer)).toEqual([404, 'not_found'])
    const theirs = await call(`/api/transactions/${json.id}`, { headers: as(bea) })
    expect(theirs.json).toMatchObject({ id: json.id, status: 'PENDING' })
  })

  test('goes on with the known keys while auth-service is frozen', async () => {
    process.kill(system.auth.child.pid, 'SIGSTOP')
    try {
      expect((await pay(payment(1), keyed())).status).toBe(202)
    } finally {
      process.kill(system.auth.child.pid, 'SIGCONT')
    }
  })
})

describe('the session', () => {
  test('passes through with its cookie', async () => {
    const person = await register(system.url)
    const post = (path: string, cookie: string) =>
      call(`/api/auth/${path}`, { method: 'POST', headers: { cookie } })
    const refreshed = await post('refresh', person.cookie)
    expect(refreshed.status).toBe(200)
    const next = refreshed.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    expect(next).not.toBe(person.cookie)
    expect((await post('logout', next)).status).toBe(204)
    expect(problemOf(await post('refresh', next))).toEqual([401, 'refresh_token_invalid'])
  })

  test('is not handed to other routes', async () => {
    const answer = await call('/api/wallets/me', {
      headers: { ...as(annie), cookie: annie.cookie },
    })
    expect(answer.headers.getSetCookie()).toEqual([])
  })
})

describe('other sites', () => {
  test.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ])('cannot cause effects: %j', async (headers) => {
    expect(problemOf(await pay(payment(), { ...keyed(), ...headers }))).toEqual([403, 'forbidden'])
    const refresh = { method: 'POST', headers: { cookie: annie.cookie, ...headers } }
    expect(problemOf(await call('/api/auth/refresh', refresh))).toEqual([403, 'forbidden'])
  })

  test('cannot read answers and cannot frame the page', async () => {
    const { headers } = await call('/api/wallets/me', {
      headers: { ...as(annie), origin: 'https://evil.example' },
    })
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('our own page may', async () => {
    const { host } = new URL(system.url)
    const own = { origin: `http://${host}` }
    expect((await pay(payment(1), { ...keyed(), ...own })).status).toBe(202)
    expect((await pay(payment(1), { ...keyed(), 'sec-fetch-site': 'same-origin' })).status).toBe(
      202,
    )
  })
})

describe('GET /api/status', () => {
  test('tells everybody how payments are doing, and nothing else', async () => {
    expect(await call('/api/status')).toMatchObject({ status: 200, json: { payments: 'normal' } })
  })
})

describe('routes', () => {
  test.each([
    ['POST', '/api/wallets'],
    ['POST', '/api/wallets/holds'],
    ['POST', '/api/wallets/transfer'],
    ['GET', '/api/wallets/audit'],
    ['POST', '/api/wallets/me/../transfer'],
    ['POST', '/api/wallets/me%2f..%2ftransfer'],
    ['GET', '/api/.well-known/jwks.json'],
    ['GET', '/api/'],
  ])('of the inside cannot be reached: %s %s', async (method, path) => {
    const answer = await call(path, { method, headers: as(annie) })
    expect(problemOf(answer)).toEqual([404, 'route_not_found'])
  })

  test('say which methods they take', async () => {
    const answer = await call('/api/transactions', { method: 'DELETE' })
    expect(problemOf(answer)).toEqual([405, 'method_not_allowed'])
    expect(answer.headers.get('allow')).toContain('POST')
  })

  test('say so when their service is away, and when to come back', async () => {
    const answer = await call('/api/notifications', { headers: as(annie) })
    expect(problemOf(answer)).toEqual([503, 'service_unavailable'])
    expect(answer.headers.get('retry-after')).toBe('1')
  })

  test('say so when their service does not answer, and pay once when asked again', async () => {
    const sender = await register(system.url)
    const key = randomUUID()
    process.kill(system.transaction.child.pid, 'SIGSTOP')
    try {
      expect(problemOf(await pay(payment(), keyed(key), sender))).toEqual([504, 'upstream_timeout'])
    } finally {
      process.kill(system.transaction.child.pid, 'SIGCONT')
    }
    const again = await pay(payment(), keyed(key), sender)
    expect(again.status).toBe(202)
    expect((await historyOf(sender)).map(({ id }) => id)).toEqual([again.json.id])
  })

  test('answer bodies above 64 KiB with 413', async () => {
    const answer = await pay(`{"note":"${'x'.repeat(70_000)}"}`, keyed())
    expect(problemOf(answer)).toEqual([413, 'body_too_large'])
  })

  test('answer generated garbage with problems, never with a 500', async () => {
    const paths = ['/api/auth/login', '/api/users', '/api/transactions', '/api/transactions/x']
    const key = fc.oneof(fc.uuid(), fc.string({ unit: 'grapheme-ascii' }))
    const clean = (text: string) => text.replaceAll(/[^\x20-\x7e]/g, '').trim()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
        key,
        fc.oneof(fc.json(), fc.string({ unit: 'binary' })),
        async (path, method, text, body) => {
          const headers = {
            'content-type': 'application/json',
            ...as(annie),
            ...keyed(clean(text)),
          }
          const answer = await call(`${path}?query=${encodeURIComponent(text)}`, {
            method,
            headers,
            ...(method !== 'GET' && { body }),
          })
          expect(answer.status).toBeLessThan(500)
          const type = answer.headers.get('content-type') ?? ''
          expect(answer.status < 400 || type.startsWith('application/problem+json')).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('the web page', () => {
  test('says how to build it when it is not built', async () => {
    const answer = await call('/')
    expect(answer.status).toBe(503)
    expect(answer.text).toContain('has not been built')
  })

  test('is served at every path of its own, assets for ever, and nothing beside it', async () => {
    await mkdir(join(system.webRoot, 'assets'))
    await writeFile(join(system.webRoot, 'index.html'), '<!doctype html><title>PayFlow</title>')
    await writeFile(join(system.webRoot, 'assets', 'app-1a2b.js'), 'export {}')
    await writeFile(
      join(system.webRoot, 'favicon.svg'),
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
    )
    for (const path of ['/', '/send', '/history/123']) {
      const page = await call(path)
      expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-cache'])
      expect(page.text).toContain('<title>PayFlow</title>')
    }
    const asset = await call('/assets/app-1a2b.js')
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect((await call('/favicon.svg')).headers.get('cache-control')).toBe('no-cache')
    expect(problemOf(await call('/assets/app-0000.js'))).toEqual([404, 'not_found'])
    expect(problemOf(await call('/', { method: 'POST' }))).toEqual([404, 'route_not_found'])
    const outside = await call('/..%2f..%2f..%2f..%2fetc%2fpasswd')
    expect(outside.text).not.toContain('root:')
  })
})

describe('SIGTERM', () => {
  test('lets a payment in progress finish, then ends the process', async () => {
    await system.transaction.child.arm('payment.claimed', 'stop')
    const answer = pay(payment(1), keyed())
    await system.transaction.child.reached('payment.claimed')
    const ended = system.gateway.stop()
    await waitFor(() => system.gateway.logs().some(({ message }) => message === 'stopping'))
    system.transaction.child.go('payment.claimed')
    expect((await answer).status).toBe(202)
    const answeredAt = performance.now()
    expect(await ended).toBe(0)
    // The client's idle connection does not hold it up: those are kept for 65 s, and cut after more
    // than four minutes.
    expect(performance.now() - answeredAt).toBeLessThan(50_000)
  })
})
