/** The gateway with what it stands in front of, each as its real process. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApiClient } from '@payflow-app/client'
import { sessionView, type SessionView } from '@payflow-app/contracts'
import { migrateAuth, migrateTransaction, migrateWallet } from '@payflow-app/migrations'
import { newSecrets, startService, type RunningService } from '@payflow-app/service-kit/testing'
import {
  createTestDatabase,
  freePort,
  startRedis,
  type Server,
  type TestDatabase,
} from '@payflow/testkit'

const entry = (path: string): URL => new URL(`../../${path}/src/main.ts`, import.meta.url)

export interface System {
  readonly url: string
  readonly redis: Server
  readonly gateway: RunningService
  readonly auth: RunningService
  readonly transaction: RunningService
  readonly secrets: Awaited<ReturnType<typeof newSecrets>>
  /** A folder to build the web page in; empty at first. */
  readonly webRoot: string
  stop(): Promise<void>
}

/**
 * Starts gateway, auth, wallet and transaction on servers of their own. RabbitMQ is away: payments
 * are accepted and stay PENDING, which is all the gateway can see. notification-service is away too.
 */
export async function startSystem(): Promise<System> {
  const secrets = await newSecrets()
  const redis = await startRedis()
  const webRoot = await mkdtemp(join(tmpdir(), 'payflow-web-'))
  const [authDatabase, walletDatabase, transactionDatabase] = await Promise.all([
    createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' }),
    createTestDatabase({ migrate: migrateWallet, cacheKey: 'app-wallet' }),
    createTestDatabase({ migrate: migrateTransaction, cacheKey: 'app-transaction' }),
  ])
  const authPort = await freePort()
  const away = { RABBITMQ_URL: `amqp://127.0.0.1:${await freePort()}` }
  const jwks = { JWKS_URL: `http://127.0.0.1:${authPort}/.well-known/jwks.json` }
  const wallet = await startService(entry('services/wallet'), {
    ...secrets,
    ...jwks,
    DATABASE_URL: walletDatabase.url,
    OPENING_CREDIT_MINOR: '100000',
  })
  const [auth, transaction] = await Promise.all([
    startService(entry('services/auth'), {
      ...secrets,
      PORT: String(authPort),
      DATABASE_URL: authDatabase.url,
      WALLET_URL: wallet.url,
      ...away,
      COOKIE_SECURE: 'off',
    }),
    startService(entry('services/transaction'), {
      ...secrets,
      ...jwks,
      DATABASE_URL: transactionDatabase.url,
      WALLET_URL: wallet.url,
      ...away,
      SHUTDOWN_DEADLINE_MS: '3000',
    }),
  ])
  const gateway = await startService(entry('gateway'), {
    ...jwks,
    SHUTDOWN_DEADLINE_MS: '300000',
    REDIS_URL: redis.url,
    AUTH_URL: auth.url,
    WALLET_URL: wallet.url,
    TRANSACTION_URL: transaction.url,
    NOTIFICATION_URL: `http://127.0.0.1:${await freePort()}`,
    // Hundreds of requests from one address: rate-limits.integration.test.ts has them on.
    PAYFLOW_RATE_LIMITS: 'off',
    UPSTREAM_TIMEOUT_MS: '4000',
    WEB_ROOT: webRoot,
  })
  const databases: TestDatabase[] = [authDatabase, walletDatabase, transactionDatabase]
  return {
    url: gateway.url,
    redis,
    gateway,
    auth,
    transaction,
    secrets,
    webRoot,
    async stop() {
      await Promise.all([gateway, auth, transaction, wallet].map((one) => one.child.kill()))
      await redis.stop()
      await Promise.all(databases.map((database) => database.dispose()))
      await rm(webRoot, { recursive: true })
    },
  }
}

export interface Person extends SessionView {
  readonly cookie: string
}

/** Registers somebody through the gateway. */
export async function register(url: string, name = 'Annie'): Promise<Person> {
  const { data, response } = await createApiClient({ baseUrl: url }).POST('/api/auth/register', {
    body: { email: `${randomUUID()}@example.com`, password: 'long enough', name },
  })
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  return { ...sessionView.parse(data), cookie }
}
