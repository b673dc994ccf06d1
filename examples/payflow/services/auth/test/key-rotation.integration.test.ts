/*
 * Goal: the keys that sign tokens are replaced while people register, log in and look at their
 * wallets, and nobody notices.
 * Method: the commands of docs/rotating-keys.md, run as they stand there, with a rolling restart of
 * the service that the step names, and of no other. Every request counts.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { sessionView } from '@payflow-app/contracts'
import { migrateAuth, migrateWallet } from '@payflow-app/migrations'
import { mintServiceToken } from '@payflow-app/service-kit'
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
let walletFront: Front
let serviceKey: string
let authEnv: Record<string, string>
let walletEnv: Record<string, string>
let auth: RunningService
let wallet: RunningService

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), 'payflow-keys-'))
  const { AUTH_PRIVATE_JWK, SERVICE_KEY_AUTH_TO_WALLET, ...others } = await newSecrets()
  serviceKey = join(keys, 'service-key-auth-to-wallet')
  writeFileSync(serviceKey, SERVICE_KEY_AUTH_TO_WALLET, { mode: 0o444 })
  const secrets = { ...others, SERVICE_KEY_AUTH_TO_WALLET_FILE: serviceKey }
  writeFileSync(join(keys, 'current.jwk'), AUTH_PRIVATE_JWK)
  writeFileSync(join(keys, 'public.jwks'), '{"keys":[]}')
  front = await Front.open()
  walletFront = await Front.open()
  databases = await Promise.all([
    createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' }),
    createTestDatabase({ migrate: migrateWallet, cacheKey: 'app-wallet' }),
  ])
  const [authDatabase, walletDatabase] = databases as [TestDatabase, TestDatabase]
  walletEnv = {
    ...secrets,
    DATABASE_URL: walletDatabase.url,
    JWKS_URL: `${front.url}/.well-known/jwks.json`,
    OPENING_CREDIT_MINOR: '100000',
  }
  authEnv = {
    ...secrets,
    DATABASE_URL: authDatabase.url,
    WALLET_URL: walletFront.url,
    RABBITMQ_URL: `amqp://127.0.0.1:${await freePort()}`,
    AUTH_PRIVATE_JWK_FILE: join(keys, 'current.jwk'),
    AUTH_PUBLIC_JWKS_FILE: join(keys, 'public.jwks'),
  }
  await restartWallet()
  await restartAuth()
})
afterAll(async () => {
  await Promise.all([auth?.child.kill(), wallet?.child.kill()])
  await Promise.all([front, walletFront].map((one) => one?.[Symbol.asyncDispose]()))
  await Promise.all(databases.map((database) => database.dispose()))
  rmSync(keys, { recursive: true })
})

/** The new process first, then the end of the old one, as an orchestrator does it. */
async function restartAuth(): Promise<void> {
  const old: RunningService | undefined = auth
  auth = await startService(new URL('../src/main.ts', import.meta.url), authEnv)
  front.lead(auth.url)
  expect(old ? await old.stop() : 0).toBe(0)
}

async function restartWallet(): Promise<void> {
  const old: RunningService | undefined = wallet
  wallet = await startService(new URL('../../wallet/src/main.ts', import.meta.url), walletEnv)
  walletFront.lead(wallet.url)
  expect(old ? await old.stop() : 0).toBe(0)
}

/** The commands of the document, one text for each step. */
function steps(): string[] {
  const text = readFileSync(join(root, 'docs/rotating-keys.md'), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')
}

async function take(step: string | undefined, restart = restartAuth): Promise<void> {
  const env = { ...process.env, KEYS: keys, KEY: serviceKey }
  await run('bash', ['-euc', step ?? 'exit 1'], { cwd: root, env })
  await restart()
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
    await waitFor(() => performance.now() - publishedAt > COOLDOWN_MS, { timeoutMs: 60_000 })
    await take(sign)
    await waitFor(() => kids.at(-1) === newKid, { timeoutMs: 60_000 })
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

describe('a key between two services', () => {
  const keysNow = () => readFileSync(serviceKey, 'utf8').split(/\s+/).filter(Boolean)
  /** What wallet-service says to somebody who signs with this key; the body is none. */
  const opens = async (key: string): Promise<number> => {
    const token = await mintServiceToken({ caller: 'auth', audience: 'wallet', key: [key] })
    return (await call(`${wallet.url}/wallets`, { token, json: {} })).status
  }

  test('is replaced by the commands of the document, and every wallet is opened', async () => {
    const [, , , add, use, drop] = steps()
    const [old = ''] = keysNow()
    let people = 0
    const registers = async () => {
      const person = { email: `${(people += 1)}@example.com`, password: PASSWORD, name: 'New' }
      const { status, body } = await call(`${front.url}/auth/register`, { json: person })
      expect(status).toBe(201)
      const { user, accessToken: token } = sessionView.parse(body)
      const look = async () => (await call(`${wallet.url}/wallets/${user.id}`, { token })).status
      await waitFor(async () => (await look()) === 200, { timeoutMs: 60_000 })
    }
    /** Takes a step while people register, and two more of them after it. */
    const takeBeside = async (step: string | undefined, restart?: () => Promise<void>) => {
      let taken = false
      const load = async () => {
        while (!taken) await registers()
        await registers()
      }
      const taking = take(step, restart).finally(() => (taken = true))
      await Promise.all([taking, load(), load()])
    }
    const callers = [auth]
    await takeBeside(add, restartWallet)
    const [, next = ''] = keysNow()
    expect([await opens(old), await opens(next)]).toEqual([400, 400])
    await takeBeside(use)
    callers.push(auth)
    expect(keysNow()).toEqual([next, old])
    await takeBeside(drop, restartWallet)
    expect([await opens(old), await opens(next)]).toEqual([401, 400])
    const reasons = callers.flatMap((one) => one.logs().map(({ reason }) => reason))
    expect(reasons.filter((reason) => /^40[13] /.test(String(reason)))).toEqual([])
  })

  test('is taken one step at a time, and keeps the mode of its file', async () => {
    const step = (verb: string) =>
      run('npm', ['run', '--silent', 'service-key', '--', verb, serviceKey], { cwd: root })
    const before = keysNow()
    for (const verb of ['use', 'drop']) {
      await expect(step(verb)).rejects.toThrow(`has 1 key(s), with which ${verb} does nothing`)
    }
    await expect(step('steal')).rejects.toMatchObject({ code: 64 })
    // What is left of a run that was killed between its two writes.
    writeFileSync(`${serviceKey}.new`, 'half done')
    await expect(step('add')).rejects.toThrow(`delete ${serviceKey}.new, which nothing uses`)
    rmSync(`${serviceKey}.new`)
    expect(keysNow()).toEqual(before)
    expect(statSync(serviceKey).mode & 0o777).toBe(0o444)
  })
})
