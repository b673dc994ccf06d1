import { join, resolve } from 'node:path'
import { serviceKeyNamesOf } from '@payflow-app/contracts/internal'
import type { Secrets } from './secrets.ts'

/** The repository's `examples/payflow`. */
export const PAYFLOW_ROOT = resolve(import.meta.dirname, '../..')

/**
 * The processes of PayFlow, in the order in which a payment meets them, and at the end a mail server
 * that keeps what PayFlow sends, which only exists here.
 */
export const SERVICE_NAMES = [
  'gateway',
  'auth',
  'transaction',
  'wallet',
  'worker',
  'reversal',
  'notification',
  'mail',
] as const

export type ServiceName = (typeof SERVICE_NAMES)[number]

/** The databases, one for each service that stores anything. */
export type DatabaseName = 'auth' | 'wallet' | 'transaction' | 'notification'

/** How one process is started. */
export interface ServicePlan {
  readonly name: ServiceName
  readonly entry: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
}

/** Where everything listens. */
export interface Addresses {
  readonly postgresUrl: string
  readonly redisUrl: string
  readonly rabbitmqUrl: string
  readonly ports: Readonly<Record<ServiceName, number>>
  /** Where the mail sink takes mails. Its entry in `ports` is its page. */
  readonly smtpPort: number
  /** The folder of the mail sink's mails. */
  readonly mailDir: string
}

/** The ports that the documents name; the gateway's is the only one a person needs. */
export const DOCUMENTED_PORTS: Readonly<Record<ServiceName, number>> = {
  gateway: 3000,
  wallet: 3001,
  transaction: 3002,
  notification: 3003,
  auth: 3004,
  worker: 3005,
  reversal: 3006,
  mail: 3007,
}

/** Where the mail sink takes mails. */
export const DOCUMENTED_SMTP_PORT = 3008

const entries: Readonly<Record<ServiceName, string>> = {
  gateway: 'gateway/src/main.ts',
  auth: 'services/auth/src/main.ts',
  transaction: 'services/transaction/src/main.ts',
  wallet: 'services/wallet/src/main.ts',
  worker: 'worker/src/main.ts',
  reversal: 'worker/src/reversal-main.ts',
  notification: 'services/notification/src/main.ts',
  mail: 'mail/src/main.ts',
}

/** The database that each process may reach; the gateway reaches none. */
const databaseOf: Readonly<Partial<Record<ServiceName, DatabaseName>>> = {
  auth: 'auth',
  wallet: 'wallet',
  transaction: 'transaction',
  worker: 'transaction',
  reversal: 'transaction',
  notification: 'notification',
}

/**
 * How long a process may take to finish what it has begun: shorter than in production, because
 * somebody waits at the terminal.
 */
export const SHUTDOWN_DEADLINE_MS = 4_000

/** What a new wallet of the demo opens with: $1000.00. */
const DEMO_OPENING_CREDIT_MINOR = '100000'

/** A person who stopped the broker waits for the leash, not for a job that looks once a minute. */
const DEMO_REVERSAL_INTERVAL_MS = '5000'

/** The URL of one service's database, with that service's role. */
export function databaseUrl(postgresUrl: string, name: DatabaseName, secrets: Secrets): string {
  const url = new URL(postgresUrl)
  url.username = `payflow_${name}`
  url.password = secrets.databasePasswords[name]
  url.pathname = `/payflow_${name}`
  return url.href
}

/** The keys with which a process calls others, and others call it. */
function keysOf(name: ServiceName, { serviceKeys }: Secrets): Readonly<Record<string, string>> {
  return Object.fromEntries(serviceKeyNamesOf(name).map((key) => [key, serviceKeys[key]]))
}

/** The environment of every process. Each gets the secrets it needs, and no others. */
export function planServices(addresses: Addresses, secrets: Secrets): ServicePlan[] {
  const { ports, postgresUrl, smtpPort } = addresses
  const at = (name: ServiceName) => `http://127.0.0.1:${ports[name]}`
  const jwks = { JWKS_URL: `${at('auth')}/.well-known/jwks.json` }
  const broker = { RABBITMQ_URL: addresses.rabbitmqUrl }
  const wallet = { WALLET_URL: at('wallet') }
  const own: Readonly<Record<ServiceName, Readonly<Record<string, string>>>> = {
    gateway: {
      ...jwks,
      ...wallet,
      REDIS_URL: addresses.redisUrl,
      AUTH_URL: at('auth'),
      TRANSACTION_URL: at('transaction'),
      NOTIFICATION_URL: at('notification'),
    },
    auth: {
      ...wallet,
      ...broker,
      AUTH_PRIVATE_JWK: secrets.authPrivateJwk,
      ADDRESS_HASH_KEY: secrets.addressHashKey,
      // The page is served over plain HTTP on this machine.
      COOKIE_SECURE: 'off',
    },
    wallet: { ...jwks, OPENING_CREDIT_MINOR: DEMO_OPENING_CREDIT_MINOR },
    transaction: { ...jwks, ...broker, ...wallet },
    worker: { ...broker, ...wallet },
    reversal: {
      ...broker,
      ...wallet,
      REVERSAL_INTERVAL_MS: process.env['REVERSAL_INTERVAL_MS'] ?? DEMO_REVERSAL_INTERVAL_MS,
    },
    notification: {
      ...jwks,
      ...broker,
      AUTH_URL: at('auth'),
      PUBLIC_URL: at('gateway'),
      SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
      // The mail server is a process on this machine.
      SMTP_TLS: 'offered',
      MAIL_FROM: 'PayFlow <no-reply@payflow.test>',
    },
    mail: { SMTP_PORT: String(smtpPort), MAIL_DIR: addresses.mailDir },
  }
  return SERVICE_NAMES.map((name) => {
    const database = databaseOf[name]
    return {
      name,
      entry: join(PAYFLOW_ROOT, entries[name]),
      port: ports[name],
      env: {
        ...own[name],
        ...keysOf(name, secrets),
        ...(database === undefined
          ? {}
          : { DATABASE_URL: databaseUrl(postgresUrl, database, secrets) }),
        PORT: String(ports[name]),
        SHUTDOWN_DEADLINE_MS: String(SHUTDOWN_DEADLINE_MS),
      },
    }
  })
}
