/*
 * Goal: whoever knows an e-mail address cannot keep its owner from logging in, nor from asking for a
 * new password, by using up what the gateway lets through for the account.
 * Method: the real gateway with the limits it has by default, the real auth-service behind it; the
 * owner and a stranger come from different addresses.
 */
import { randomUUID } from 'node:crypto'
import { migrateAuth } from '@payflow-app/migrations'
import { newSecrets, startService, type RunningService } from '@payflow-app/service-kit/testing'
import {
  createTestDatabase,
  freePort,
  startRedis,
  type Server,
  type TestDatabase,
} from '@payflow/testkit'
import { redisFound } from './redis-found.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const entry = (path: string): URL => new URL(`../../${path}/src/main.ts`, import.meta.url)
const password = 'long enough'
const [owners, strangers] = ['192.0.2.10', '198.51.100.20']

let database: TestDatabase
let redis: Server
let auth: RunningService
let gateway: RunningService

beforeAll(async () => {
  ;[redis, database] = await Promise.all([
    startRedis(),
    createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' }),
  ])
  const [port, none] = await Promise.all([freePort(), freePort()])
  const nowhere = `http://127.0.0.1:${none}`
  auth = await startService(entry('services/auth'), {
    ...(await newSecrets()),
    PORT: String(port),
    DATABASE_URL: database.url,
    WALLET_URL: nowhere,
    RABBITMQ_URL: `amqp://127.0.0.1:${none}`,
    COOKIE_SECURE: 'off',
  })
  gateway = await startService(entry('gateway'), {
    JWKS_URL: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    REDIS_URL: redis.url,
    AUTH_URL: auth.url,
    WALLET_URL: nowhere,
    TRANSACTION_URL: nowhere,
    NOTIFICATION_URL: nowhere,
    TRUSTED_PROXY_HOPS: '1',
    // On a busy machine a count must not be given up: nothing else is measured here.
    RATE_LIMIT_TIMEOUT_MS: '20000',
  })
  await redisFound(gateway.url)
})

afterAll(async () => {
  await Promise.all([gateway, auth].map(({ child }) => child.kill()))
  await Promise.all([redis.stop(), database.dispose()])
})

/** Posts from an address; a known browser sends its cookies. */
async function post(address: string, path: string, json: unknown, cookie = ''): Promise<Response> {
  const answer = await fetch(`${gateway.url}/api/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address, cookie },
    body: JSON.stringify(json),
  })
  await answer.body?.cancel()
  return answer
}

/** Somebody with an account, and the cookies of the browser they have used. */
async function owner(): Promise<{ readonly email: string; readonly cookie: string }> {
  const email = `${randomUUID()}@example.com`
  const answer = await post(owners, 'register', { email, password, name: 'Annie' })
  expect(answer.status).toBe(201)
  const cookies = answer.headers.getSetCookie().map((line) => line.split(';')[0])
  return { email, cookie: cookies.join('; ') }
}

/** The statuses of so many requests of a stranger, one after another. */
async function annoy(times: number, path: string, json: unknown): Promise<number[]> {
  const seen: number[] = []
  for (let at = 0; at < times; at += 1) seen.push((await post(strangers, path, json)).status)
  return seen
}

describe('AUTH-11 an owner whose account a stranger names again and again', () => {
  test('logs in from a browser that is known, whatever comes from elsewhere', async () => {
    const { email, cookie } = await owner()
    const guesses = await annoy(11, 'login', { email, password: 'wrong password' })
    expect(guesses).toEqual([...Array<number>(10).fill(401), 429])
    expect((await post(owners, 'login', { email, password }, cookie)).status).toBe(200)
  })

  test('asks for a link, however often somebody else has', async () => {
    const { email } = await owner()
    const wishes = await annoy(6, 'forgot-password', { email })
    expect(wishes).toEqual([...Array<number>(5).fill(202), 429])
    expect((await post(owners, 'forgot-password', { email })).status).toBe(202)
  })
})
