/*
 * Goal: the signing key is replaced while people log in and look at their wallets, and nobody notices.
 * Method: the commands of docs/rotating-keys.md, run as they stand there, with a rolling restart of
 * auth-service after each step; wallet-service is never restarted. Every request counts.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { sessionView } from '@payflow-app/contracts'
import { migrateAuth, migrateWallet } from '@payflow-app/migrations'
import { newSecrets, startService, type RunningService } from '@payflow-app/service-kit/testing'
import { createTestDatabase, freePort, waitFor, type TestDatabase } from '@payflow/testkit'
import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, Front } from './support/front.ts'
import { PASSWORD } from './support/people.ts'

const root = resolve(import.meta.dirname, '../../../../..')
const run = promisify(execFile)
/** Services ask for an unknown key at most this often. */
const COOLDOWN_MS = 10_000

let keys: string
let databases: TestDatabase[]
let front: Front
let authEnv: Record<string, string>
let auth: RunningService
let wallet: RunningService

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), 'payflow-keys-'))
  const { AUTH_PRIVATE_JWK, ...secrets } = await newSecrets()
  writeFileSync(join(keys, 'current.jwk'), AUTH_PRIVATE_JWK)
  writeFileSync(join(keys, 'public.jwks'), '{"keys":[]}')
  front = await Front.open()
  databases = await Promise.all([
    createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' }),
    createTestDatabase({ migrate: migrateWallet, cacheKey: 'app-wallet' }),
  ])
  const [authDatabase, walletDatabase] = databases as [TestDatabase, TestDatabase]
  wallet = await startService(new URL('../../wallet/src/main.ts', import.meta.url), {
    ...secrets,
    DATABASE_URL: walletDatabase.url,
    JWKS_URL: `${front.url}/.well-known/jwks.json`,
    OPENING_CREDIT_MINOR: '100000',
  })
  authEnv = {
    ...secrets,
    DATABASE_URL: authDatabase.url,
    WALLET_URL: wallet.url,
    RABBITMQ_URL: `amqp://127.0.0.1:${await freePort()}`,
    AUTH_PRIVATE_JWK_FILE: join(keys, 'current.jwk'),
    AUTH_PUBLIC_JWKS_FILE: join(keys, 'public.jwks'),
  }
  await restartAuth()
})
afterAll(async () => {
  await Promise.all([auth?.child.kill(), wallet?.child.kill()])
  await front?.[Symbol.asyncDispose]()
  await Promise.all(databases.map((database) => database.dispose()))
  rmSync(keys, { recursive: true })
})

/** The new process first, then the end of the old one, as an orchestrator does it. */
async function restartAuth(): Promise<void> {
  const old: RunningService | undefined = auth
  auth = await startService(new URL('../src/main.ts', import.meta.url), authEnv)
  front.lead(auth.url)
  if (old) expect(await old.stop()).toBe(0)
}

/** The commands of the document, one text for each step. */
function steps(): string[] {
  const text = readFileSync(join(root, 'docs/rotating-keys.md'), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')
}

async function take(step: string | undefined): Promise<void> {
  const env = { ...process.env, KEYS: keys }
  await run('bash', ['-euc', step ?? 'exit 1'], { cwd: root, env })
  await restartAuth()
}

const email = 'annie@example.com'
const logIn = async () =>
  await call(`${front.url}/auth/login`, { json: { email, password: PASSWORD } })
const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? ''
const published = async (): Promise<string[]> => {
  const { body } = await call(`${front.url}/.well-known/jwks.json`)
  return body.keys.map(({ kid }: { kid: string }) => kid)
}

describe('AUTH-09 a signing key', () => {
  test('is replaced under load by the commands of the document, and no request fails', async () => {
    const person = { email, password: PASSWORD, name: 'Annie' }
    const registered = await call(`${front.url}/auth/register`, { json: person })
    const { user, accessToken: oldToken } = sessionView.parse(registered.body)
    const look = async (token: string) => await call(`${wallet.url}/wallets/${user.id}`, { token })
    const [publish, sign, withdraw] = steps()
    const failed: unknown[] = []
    const kids: string[] = []
    let goOn = true
    const load = async () => {
      while (goOn) {
        const { status, body } = await logIn()
        const token = String(body.accessToken)
        if (kids.at(-1) !== kidOf(token)) kids.push(kidOf(token))
        const seen = await Promise.all([look(token), look(oldToken)])
        const statuses = [status, ...seen.map((one) => one.status)]
        if (statuses.some((one) => one !== 200)) failed.push([statuses, body])
      }
    }
    const loads = [load(), load()]
    const oldKid = kidOf(oldToken)
    await take(publish)
    const [, newKid] = await published()
    const publishedAt = performance.now()
    await waitFor(() => performance.now() - publishedAt > COOLDOWN_MS, { timeoutMs: 30_000 })
    await take(sign)
    await waitFor(() => kids.at(-1) === newKid, { timeoutMs: 30_000 })
    expect(await published()).toEqual([newKid, oldKid])
    goOn = false
    await Promise.all(loads)
    expect(failed).toEqual([])
    expect(kids).toEqual([oldKid, newKid])
    await take(withdraw)
    expect(await published()).toEqual([newKid])
    // auth-service has the keys at hand, so it refuses at once what the others still know.
    expect((await call(`${front.url}/auth/me`, { token: oldToken })).status).toBe(401)
    expect((await look(String((await logIn()).body.accessToken))).status).toBe(200)
  })

  test('is made for the eyes of its owner, and never over another one', async () => {
    const file = join(keys, 'fresh.jwk')
    const make = () => run('npm', ['run', '--silent', 'auth-key', '--', 'new', file], { cwd: root })
    const { stdout } = await make()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(file, 'utf8')).kid).toBe(stdout.trim())
    await expect(make()).rejects.toThrow('EEXIST')
  })
})
