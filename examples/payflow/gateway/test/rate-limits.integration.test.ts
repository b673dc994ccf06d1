/*
 * Goal: nobody gets more than their share, whichever gateway they ask, and an outage of Redis stops
 * neither payments nor the counting of log-ins.
 * Method: two real gateways with small limits on a Redis of their own. The services behind them are
 * away, so a request that is let through is answered 503, and one that is not 429.
 */
import { randomUUID } from 'node:crypto'
import { problemSchema } from '@payflow-app/contracts'
import { startService, type RunningService } from '@payflow-app/service-kit/testing'
import { startTokenIssuer, type TokenIssuer } from '@payflow-app/testing'
import { freePort, spawnChild, startRedis, waitFor, type Server } from '@payflow/testkit'
import { redisFound } from './redis-found.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { networkOf } from '../src/rate-limits/subject-key.ts'

const main = new URL('../src/main.ts', import.meta.url)

let redis: Server
let issuer: TokenIssuer
let gateways: RunningService[]
let env: Record<string, string>
/** The one that does not wait for Redis. */
const impatient = 2
/** Everybody's address, unless a test says otherwise: another one for each test. */
let address: string

beforeAll(async () => {
  ;[redis, issuer] = await Promise.all([startRedis(), startTokenIssuer()])
  const nowhere = `http://127.0.0.1:${await freePort()}`
  env = {
    REDIS_URL: redis.url,
    JWKS_URL: issuer.jwksUrl,
    AUTH_URL: nowhere,
    WALLET_URL: nowhere,
    TRANSACTION_URL: nowhere,
    NOTIFICATION_URL: nowhere,
    TRUSTED_PROXY_HOPS: '1',
    RATE_LIMIT_PAYMENT_USER: '5/60',
    RATE_LIMIT_PAYMENT_ADDRESS: '8/60',
    RATE_LIMIT_SIGN_IN_ACCOUNT: '3/60',
    RATE_LIMIT_SIGN_IN_ADDRESS: '6/60',
    RATE_LIMIT_SEARCH_USER: '2/1',
  }
  // The first two wait for Redis on the busiest of machines; the third is for its outages.
  const patient = { ...env, RATE_LIMIT_TIMEOUT_MS: '20000' }
  gateways = await Promise.all([patient, patient, env].map((one) => startService(main, one)))
  await Promise.all(gateways.map(({ url }) => redisFound(url)))
})

afterAll(async () => {
  await Promise.all(gateways.map(({ child }) => child.kill()))
  await Promise.all([redis.stop(), issuer[Symbol.asyncDispose]()])
})

let turn = 0
beforeEach(() => {
  turn += 1
  address = `198.51.100.${turn}`
})

interface Sent {
  readonly path: string
  readonly token?: string
  readonly json?: unknown
  readonly headers?: Record<string, string>
  readonly gateway?: number
}

async function send({ path, token, json, headers, gateway = 0 }: Sent): Promise<Response> {
  return await fetch(gateways[gateway]!.url + path, {
    method: json === undefined ? 'GET' : 'POST',
    headers: {
      'x-forwarded-for': address,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    signal: AbortSignal.timeout(20_000),
  })
}

const payment = (): unknown => ({ toUserId: randomUUID(), amount: 1, currency: 'USD' })
const newToken = () => issuer.accessToken(randomUUID())

const pay = (token: string, gateway = 0): Promise<Response> =>
  send({
    path: '/api/transactions',
    token,
    json: payment(),
    headers: { 'idempotency-key': randomUUID() },
    gateway,
  })

const logIn = (email: string, gateway = 0): Promise<Response> =>
  send({ path: '/api/auth/login', json: { email, password: 'wrong' }, gateway })

/** The statuses of `times` requests, one after another. */
async function statuses(times: number, request: (at: number) => Promise<Response>) {
  const seen: number[] = []
  for (let at = 0; at < times; at += 1) seen.push((await request(at)).status)
  return seen
}

const [through, refused] = [503, 429]

describe('a limit', () => {
  test('is shared by all gateways, and says when to come back', async () => {
    const token = await newToken()
    expect(await statuses(5, (at) => pay(token, at % 2))).toEqual(Array(5).fill(through))
    const answer = await pay(token, 1)
    expect(answer.status).toBe(refused)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(problemSchema.parse(await answer.json())).toMatchObject({
      status: 429,
      code: 'rate_limited',
    })
    const retryAfterS = Number(answer.headers.get('retry-after'))
    expect(retryAfterS).toBeGreaterThan(0)
    expect(retryAfterS).toBeLessThanOrEqual(60)
    expect(answer.headers.get('ratelimit-policy')).toBe(
      '"payment-address";q=8;w=60, "payment-user";q=5;w=60',
    )
    expect(answer.headers.get('ratelimit')).toMatch(
      /^"payment-address";r=2;t=\d+, "payment-user";r=0;t=\d+$/,
    )
  })

  test('of one user is not another user’s', async () => {
    const [ada, bob] = await Promise.all([newToken(), newToken()])
    expect((await statuses(6, () => pay(ada))).at(-1)).toBe(refused)
    expect((await pay(bob)).status).toBe(through)
  })

  test('of an address holds for all who come from there, and for nobody else', async () => {
    const eight = await statuses(8, async () => pay(await newToken()))
    expect(eight).toEqual(Array(8).fill(through))
    expect((await pay(await newToken(), 1)).status).toBe(refused)
    address = '203.0.113.9'
    expect((await pay(await newToken())).status).toBe(through)
  })

  test('counts tokens that do not hold, before it looks at them', async () => {
    const answers = await statuses(9, () => pay('not.a.token'))
    expect(answers).toEqual([...Array<number>(8).fill(401), refused])
  })

  test('of an account counts attempts from one network, however the address is typed', async () => {
    const email = `${randomUUID()}@example.com`
    const spellings = [email, email.toUpperCase(), ` ${email}`, email]
    const answers = await statuses(4, (at) => {
      address = `2001:db8:0:${turn}::${at}`
      return logIn(spellings[at]!, at % 2)
    })
    expect(answers).toEqual([through, through, through, refused])
    expect((await logIn(`${randomUUID()}@example.com`)).status).toBe(through)
    address = `2001:db8:1:${turn}::1`
    expect((await logIn(email)).status).toBe(through)
  })

  test('ends with its window', async () => {
    const token = await newToken()
    const search = () => send({ path: '/api/users?query=ada', token })
    const answer = await waitFor(async () => {
      const one = await search()
      return one.status === refused ? one : undefined
    })
    expect(answer.headers.get('retry-after')).toBe('1')
    await waitFor(async () => (await search()).status === through, { intervalMs: 300 })
  })

  test('leaves the key of a refused payment unused', async () => {
    const [token, other] = await Promise.all([newToken(), newToken()])
    const one = { path: '/api/transactions', headers: { 'idempotency-key': randomUUID() } }
    await statuses(5, () => pay(token))
    expect((await send({ ...one, token, json: payment() })).status).toBe(refused)
    const again = await send({ ...one, token: other, json: payment() })
    expect(again.status).toBe(through)
  })
})

describe('the checks', () => {
  test('come in the order of docs/api-gateway-checks.md', async () => {
    const [worn, fresh] = await Promise.all([newToken(), newToken()])
    await statuses(5, () => pay(worn))
    const full = address
    await statuses(8, () => pay('not.a.token'))
    // A payment with everything wrong at once, mended from the first check to the last.
    const sent = {
      headers: {
        'content-type': 'text/plain',
        'sec-fetch-site': 'cross-site',
        'x-forwarded-for': full,
        authorization: 'Bearer not.a.token',
      } as Record<string, string>,
      body: '{}',
    }
    const code = async (): Promise<unknown> => {
      const init = { method: 'POST', ...sent }
      const answer = await fetch(`${gateways[0]!.url}/api/transactions`, init)
      return problemSchema.parse(await answer.json()).code
    }
    expect(await code()).toBe('unsupported_media_type')
    sent.headers['content-type'] = 'application/json'
    expect(await code()).toBe('forbidden')
    sent.headers['sec-fetch-site'] = 'same-origin'
    expect(await code()).toBe('rate_limited')
    sent.headers['x-forwarded-for'] = '203.0.113.200'
    expect(await code()).toBe('unauthenticated')
    sent.headers['authorization'] = `Bearer ${worn}`
    expect(await code()).toBe('rate_limited')
    sent.headers['authorization'] = `Bearer ${fresh}`
    expect(await code()).toBe('validation_failed')
    sent.body = JSON.stringify(payment())
    expect(await code()).toBe('idempotency_key_missing')
    sent.headers['idempotency-key'] = randomUUID()
    expect(await code()).toBe('service_unavailable')
  })
})

describe('without Redis', () => {
  const outages = [
    ['stopped', () => redis.kill(), () => redis.start()],
    ['frozen', () => redis.freeze(), () => redis.resume()],
  ] as const

  test.each(outages)('that is %s payments go on and log-ins are counted', async (_, end, begin) => {
    const token = await newToken()
    await end()
    try {
      const startedAt = performance.now()
      const payments = await statuses(7, () => pay(token, impatient))
      expect(payments).toEqual(Array(7).fill(through))
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      const email = `${randomUUID()}@example.com`
      const attempts = await statuses(4, () => logIn(email, impatient))
      expect(attempts).toEqual([through, through, through, refused])
    } finally {
      await begin()
    }
    const counted = async () => {
      const answer = await pay(await newToken(), impatient)
      return answer.headers.get('ratelimit') !== null
    }
    await waitFor(counted, { timeoutMs: 60_000, message: 'the limits to count in Redis again' })
  })

  test('is counted', async () => {
    const text = await (await fetch(`${gateways[impatient]!.url}/metrics`)).text()
    const value = (event: string) =>
      Number(new RegExp(`rate_limit_events_total\\{.*event="${event}".*\\} (\\d+)`).exec(text)?.[1])
    expect(value('uncounted')).toBeGreaterThan(0)
    expect(value('refused_by_memory')).toBeGreaterThan(0)
  })
})

describe('an address', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ])('%s counts as %s', (given, network) => {
    expect(networkOf(given)).toBe(network)
  })

  test('is not what the client says where no proxy is trusted', async () => {
    const gateway = await startService(main, {
      ...env,
      RATE_LIMIT_TIMEOUT_MS: '20000',
      TRUSTED_PROXY_HOPS: '0',
      RATE_LIMIT_PREFIX: 'untrusting:',
    })
    const answers = await statuses(7, (at) =>
      fetch(`${gateway.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': `192.0.2.${at}` },
        body: JSON.stringify({ email: `${randomUUID()}@example.com`, password: 'x' }),
      }),
    )
    expect(answers).toEqual([...Array<number>(6).fill(through), refused])
    await gateway.stop()
  })
})

describe('PAYFLOW_RATE_LIMITS=off', () => {
  test('lets everything through, uncounted', async () => {
    const gateway = await startService(main, { ...env, PAYFLOW_RATE_LIMITS: 'off' })
    const answer = await fetch(`${gateway.url}/api/users?query=ada`, {
      headers: { authorization: `Bearer ${await newToken()}` },
    })
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([through, null])
    await gateway.stop()
  })

  test('is refused in production, by name', async () => {
    const child = await spawnChild(main, {
      env: { ...env, NODE_ENV: 'production', PORT: '0', PAYFLOW_RATE_LIMITS: 'off' },
    })
    expect(await child.exited).toMatchObject({ code: 78 })
    expect(child.stdout()).toContain('PAYFLOW_RATE_LIMITS: must be on in production')
  })
})
