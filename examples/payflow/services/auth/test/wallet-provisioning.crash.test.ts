/*
 * Goal: every registered user gets exactly one wallet with exactly one opening credit, whatever dies.
 * Method: the real auth-service and wallet-service; auth-service is killed at the two instants where
 * a user exists and the wallet is unrecorded.
 */
import { sessionView, walletView, type WalletView } from '@payflow-app/contracts'
import { migrateAuth, migrateWallet } from '@payflow-app/migrations'
import {
  newSecrets,
  startService,
  type RunningService,
  type Secrets,
} from '@payflow-app/service-kit/testing'
import { createTestDatabase, freePort, waitFor, type TestDatabase } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const authMain = new URL('../src/main.ts', import.meta.url)
const walletMain = new URL('../../wallet/src/main.ts', import.meta.url)
let authDatabase: TestDatabase
let walletDatabase: TestDatabase
let secrets: Secrets
let authPort: number
let walletPort: number
let wallet: RunningService | undefined
let auth: RunningService | undefined

const startAuth = () =>
  startService(authMain, {
    ...secrets,
    PORT: String(authPort),
    DATABASE_URL: authDatabase.url,
    WALLET_URL: `http://127.0.0.1:${walletPort}`,
    RABBITMQ_URL: 'amqp://127.0.0.1:9',
    PROVISIONING_INTERVAL_MS: '100',
  })

const startWallet = () =>
  startService(walletMain, {
    ...secrets,
    PORT: String(walletPort),
    DATABASE_URL: walletDatabase.url,
    JWKS_URL: `http://127.0.0.1:${authPort}/.well-known/jwks.json`,
    OPENING_CREDIT_MINOR: '100000',
  })

beforeAll(async () => {
  secrets = await newSecrets()
  authPort = await freePort()
  walletPort = await freePort()
  authDatabase = await createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' })
  walletDatabase = await createTestDatabase({ migrate: migrateWallet, cacheKey: 'app-wallet' })
})

afterAll(async () => {
  await auth?.child.kill()
  await wallet?.child.kill()
  await authDatabase.dispose()
  await walletDatabase.dispose()
})

const call = (path: string, init: RequestInit) => fetch(`http://127.0.0.1:${authPort}${path}`, init)

function post(path: string, body: unknown): Promise<Response> {
  return call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** Logs in and waits until the user's wallet is there. */
async function walletOf(email: string): Promise<WalletView> {
  const login = await post('/auth/login', { email, password: 'correct horse' })
  const { user, accessToken } = sessionView.parse(await login.json())
  return await waitFor(
    async () => {
      const response = await fetch(`http://127.0.0.1:${walletPort}/wallets/${user.id}`, {
        headers: { authorization: `Bearer ${accessToken}` },
      })
      const body: unknown = await response.json()
      return response.ok ? walletView.parse(body) : undefined
    },
    { timeoutMs: 60_000, message: `the wallet of ${email}` },
  )
}

describe('wallet provisioning', () => {
  test('opens the wallet with the registration when wallet-service is there', async () => {
    wallet = await startWallet()
    auth = await startAuth()
    const email = 'annie@example.com'
    const response = await post('/auth/register', {
      email,
      password: 'correct horse',
      name: 'Annie',
    })
    expect(response.status).toBe(201)
    const { user, accessToken } = sessionView.parse(await response.json())
    const found = await fetch(`${wallet.url}/wallets/${user.id}`, {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    expect([found.status, await found.json()]).toMatchObject([200, { balance: 100_000 }])
  })

  test.each(['auth.user.committed', 'auth.wallet.opened'])(
    'gives one wallet with one credit to a user whose registration died at %s',
    async (probe) => {
      wallet ??= await startWallet()
      auth ??= await startAuth()
      await auth.child.arm(probe, 'kill')
      const email = `${probe}@example.com`
      const body = { email, password: 'correct horse', name: 'Annie' }
      await expect(post('/auth/register', body)).rejects.toThrow('fetch failed')
      await auth.child.exited
      auth = await startAuth()
      expect(await walletOf(email)).toMatchObject({
        balance: 100_000,
        available: 100_000,
        pending: 0,
      })
      await waitFor(async () => {
        const owed = await authDatabase.db
          .selectFrom('wallet_provisioning')
          .select('user_id')
          .where('provisioned_at', 'is', null)
          .execute()
        return owed.length === 0
      })
      expect(await walletOf(email)).toMatchObject({ balance: 100_000 })
    },
  )

  test('registers while wallet-service is away and opens the wallet when it is back', async () => {
    auth ??= await startAuth()
    await wallet?.child.kill()
    const email = 'bea@example.com'
    const body = { email, password: 'correct horse', name: 'Bea' }
    const response = await post('/auth/register', body)
    expect(response.status).toBe(201)
    await response.body?.cancel()
    wallet = await startWallet()
    expect(await walletOf(email)).toMatchObject({ balance: 100_000 })
  })
})
