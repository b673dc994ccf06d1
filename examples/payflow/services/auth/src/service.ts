import { EXCHANGE, QUEUES } from '@payflow-app/contracts'
import {
  PasswordChanged,
  PasswordResetRequested,
  UserLocked,
} from '@payflow-app/contracts/messages'
import {
  callerKeys,
  createDatabase,
  createHttpClient,
  createServiceVerifier,
  createUserTokens,
  serviceTokens,
  startRetention,
  type ServiceContext,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { busTelemetry, registerOutboxMetrics } from '@payflow-app/service-kit/bus'
import { createBus, type Bus } from '@payflow/queue'
import type { Kysely } from 'kysely'
import type { z } from 'zod'
import { createAccessTokens } from './access-tokens.ts'
import { createAccounts } from './account.ts'
import { createReadClient } from './client-info.ts'
import { authFaults, authVariables } from './config.ts'
import { createCookies } from './cookies.ts'
import type { AuthDatabase } from './database.ts'
import { createGuards } from './guards.ts'
import { createHashGate } from './hash-gate.ts'
import { registerAuthMetrics } from './metrics.ts'
import { createOneAtATime } from './one-at-a-time.ts'
import { createPasswordResets } from './password-resets.ts'
import { createPasswords } from './passwords.ts'
import { retentionOf } from './retention.ts'
import { accountRoutes } from './routes/account.ts'
import { authRoutes } from './routes/auth.ts'
import { contactRoutes } from './routes/contact.ts'
import { jwksRoutes } from './routes/jwks.ts'
import { userRoutes } from './routes/users.ts'
import { createSessions } from './sessions.ts'
import { createWalletProvisioning } from './wallet-provisioning.ts'

/** A registration waits no longer than this for the wallet; the loop opens it later then. */
const OPEN_WALLET_TIMEOUT_MS = 1_500

type Context = ServiceContext<z.output<z.ZodObject<typeof authVariables>>>

/** Without these the database is not migrated, and the process has not started. */
const TABLES = [
  'public.users',
  'public.refresh_tokens',
  'public.reset_tokens',
  'public.audit_events',
  'queue.outbox',
]

/** auth-service: users, sessions, and the keys everybody verifies tokens with. */
export const authService: ServiceDefinition<typeof authVariables> = {
  name: 'auth',
  variables: authVariables,
  faults: authFaults,
  async start(context) {
    const { config } = context
    const { db, bus } = openStores(context)
    const accessTokens = await createAccessTokens({
      signingKey: config.AUTH_PRIVATE_JWK,
      publicKeys: config.AUTH_PUBLIC_JWKS.keys,
      expiresIn: config.ACCESS_TOKEN_S,
    })
    const userTokens = createUserTokens({ jwks: accessTokens.jwks })
    const cookies = createCookies({
      path: config.COOKIE_PATH,
      secure: config.COOKIE_SECURE === 'on',
      refreshTokenS: config.REFRESH_TOKEN_S,
    })
    const clientOf = createReadClient(config.ADDRESS_HASH_KEY, cookies.device)
    const services = createServiceVerifier({ audience: 'auth', keys: callerKeys('auth', config) })
    const parts = createParts(context, { db, bus, accessTokens })
    forgetInTime(context, db)
    return {
      routes(app) {
        authRoutes(app, { ...parts, cookies, clientOf, userTokens })
        accountRoutes(app, { ...parts, cookies, clientOf, userTokens })
        userRoutes(app, { db, userTokens })
        contactRoutes(app, { db, services })
        jwksRoutes(app, accessTokens.jwks)
      },
    }
  },
}

/** Opens database and outbox. Messages are written with what they tell of, and sent afterwards. */
function openStores({ config, logger, metrics, health, shutdown, probe }: Context) {
  const database = createDatabase<AuthDatabase>({
    url: config.DATABASE_URL,
    applicationName: 'auth',
    registry: metrics.registry,
    logger,
  })
  shutdown.add('database', () => database.close())
  health.require('postgres', () => database.ping())
  health.begin('migrated', () => database.hasTables(TABLES))
  const { db } = database
  const bus = createBus({
    broker: { url: config.RABBITMQ_URL },
    db,
    source: 'auth-service',
    topology: { exchange: EXCHANGE, bindings },
    logger,
    telemetry: busTelemetry(),
    probe,
  })
  registerOutboxMetrics(metrics.registry, bus)
  shutdown.add('bus', () => bus.drain({ deadlineMs: shutdown.remainingMs(1_000) }))
  // Without the broker everything goes on and messages wait in the outbox: shown, not required.
  health.observe('rabbitmq', () => requireConnected(bus.health().publish.state))
  // What was sent is deleted at once: a message may hold a token that only its reader may have.
  bus.relay({ retentionMs: 0 }).start()
  return { db, bus }
}

/** Declared before anything is published, so that messages wait even if nobody listens yet. */
const bindings = [
  {
    queue: QUEUES.notifications,
    types: [PasswordResetRequested.type, PasswordChanged.type, UserLocked.type],
  },
]

interface Stores {
  readonly db: Kysely<AuthDatabase>
  readonly bus: Bus
  readonly accessTokens: Awaited<ReturnType<typeof createAccessTokens>>
}

function createParts(context: Context, { db, bus: messages, accessTokens }: Stores) {
  const { config, logger, metrics, shutdown, probe } = context
  const gate = createHashGate({
    runningMax: config.PASSWORD_HASHES_MAX,
    waitingMax: config.PASSWORD_HASHES_WAITING_MAX,
  })
  const passwords = createPasswords(gate, {
    memoryKib: config.PASSWORD_HASH_MEMORY_KIB,
    passes: config.PASSWORD_HASH_PASSES,
  })
  const policy = { attemptsMax: config.LOGIN_ATTEMPTS_MAX, lockS: config.LOGIN_LOCK_S }
  const oneAtATime = createOneAtATime()
  const provisioning = startProvisioning(context, db)
  const resets = createPasswordResets({
    db,
    messages,
    passwords,
    tokenS: config.RESET_TOKEN_S,
    lockS: policy.lockS,
    intervalMs: config.RESET_INTERVAL_MS,
    logger,
    probe,
  })
  resets.start()
  shutdown.add('password resets', () => resets.stop())
  const sessions = createSessions({
    db,
    accessTokens,
    passwords,
    guards: createGuards({ db, messages, policy }),
    oneAtATime,
    provisioning,
    refreshTokenS: config.REFRESH_TOKEN_S,
    graceMs: config.REFRESH_GRACE_MS,
    count: registerAuthMetrics(metrics.registry, gate),
    probe,
  })
  const accounts = createAccounts({ db, messages, passwords, oneAtATime, policy, probe })
  return { sessions, accounts, resets }
}

function forgetInTime({ config, logger, metrics, shutdown }: Context, db: Stores['db']): void {
  const retention = startRetention({
    db,
    logger,
    registry: metrics.registry,
    intervalMs: config.PURGE_INTERVAL_MS,
    rules: retentionOf({
      auditDays: config.AUDIT_RETENTION_DAYS,
      sessionDays: config.SESSION_RETENTION_DAYS,
    }),
  })
  shutdown.add('retention', () => retention.stop())
}

function startProvisioning({ config, logger, shutdown, probe }: Context, db: Stores['db']) {
  const wallet = createHttpClient({
    name: 'wallet-service',
    baseUrl: config.WALLET_URL,
    timeoutMs: OPEN_WALLET_TIMEOUT_MS,
    token: serviceTokens({
      caller: 'auth',
      audience: 'wallet',
      key: config.SERVICE_KEY_AUTH_TO_WALLET,
    }),
  })
  const intervalMs = config.PROVISIONING_INTERVAL_MS
  const provisioning = createWalletProvisioning({ db, wallet, logger, intervalMs, probe })
  provisioning.start()
  shutdown.add('provisioning', () => provisioning.stop())
  return provisioning
}

async function requireConnected(state: string): Promise<void> {
  if (state !== 'up') throw new Error(`the connection is ${state}`)
}
