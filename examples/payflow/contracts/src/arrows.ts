/**
 * Who opens a connection to whom, and why: all of it. docs/architecture.md shows these arrows as a
 * table and a picture, the network policies allow these and nothing else, and tests compare both
 * with this file, and this file with the addresses that each process is given.
 *
 * @packageDocumentation
 */

import { serviceKeyName, type ServiceCall } from './internal-routes.ts'

/** The processes of PayFlow and the port each listens on, as documented. */
export const PROCESS_PORTS = {
  gateway: 3000,
  wallet: 3001,
  transaction: 3002,
  notification: 3003,
  auth: 3004,
  worker: 3005,
  reversal: 3006,
} as const

/** A process of PayFlow. */
export type PayflowProcess = keyof typeof PROCESS_PORTS

/** What is not written here but connected to, and the port it usually listens on. */
export const SERVER_PORTS = {
  postgres: 5432,
  redis: 6379,
  rabbitmq: 5672,
  smtp: 587,
  /** An OpenTelemetry collector, OTLP over HTTP. */
  collector: 4318,
} as const

/** A server that PayFlow uses. */
export type PayflowServer = keyof typeof SERVER_PORTS

/** Who connects without being connected to: people, the migration job, whoever scrapes. */
export type PayflowOutsider = 'browser' | 'migrations' | 'prometheus'

/** One direction of one conversation. Answers travel back on the same connection. */
export interface Arrow {
  /** Who opens the connection. */
  readonly from: PayflowProcess | PayflowOutsider
  /** Who accepts it. Its port is in {@link PROCESS_PORTS} or {@link SERVER_PORTS}. */
  readonly to: PayflowProcess | PayflowServer
  /** What is said there. */
  readonly what: string
  /** How whoever accepts it knows who that is. */
  readonly proof: string
  /** Only there when this is so; without it always. */
  readonly when?: string
}

const USER_TOKEN = "the user's own access token, passed on"
const PUBLIC_KEYS = 'the public keys of access tokens (JWKS)'
const NOTHING_SECRET = 'none: what is asked for is public'
const TRACED = 'OTEL_EXPORTER_OTLP_ENDPOINT is set'

const password = (role: string): string => `the password of the role \`${role}\``
const serviceToken = (call: ServiceCall): string =>
  `a service token, signed with \`${serviceKeyName(call)}\``

const processes = Object.keys(PROCESS_PORTS) as PayflowProcess[]

/** Every arrow of PayFlow. What is not here is not connected, and need not be allowed. */
export const ARROWS: readonly Arrow[] = [
  {
    from: 'browser',
    to: 'gateway',
    what: 'the web page and `/api`',
    proof: 'an access token, on every route that needs a user',
  },
  {
    from: 'gateway',
    to: 'auth',
    what: 'accounts, sessions, JWKS',
    proof: `${USER_TOKEN}; or the session's cookie`,
  },
  { from: 'gateway', to: 'wallet', what: 'balances', proof: USER_TOKEN },
  { from: 'gateway', to: 'transaction', what: 'payments', proof: USER_TOKEN },
  { from: 'gateway', to: 'notification', what: 'notifications', proof: USER_TOKEN },
  {
    from: 'gateway',
    to: 'redis',
    what: 'claims on idempotency keys, counters of rate limits',
    proof: 'the password in REDIS_URL',
  },
  { from: 'wallet', to: 'auth', what: PUBLIC_KEYS, proof: NOTHING_SECRET },
  { from: 'wallet', to: 'postgres', what: 'the ledger', proof: password('payflow_wallet') },
  { from: 'transaction', to: 'auth', what: PUBLIC_KEYS, proof: NOTHING_SECRET },
  {
    from: 'transaction',
    to: 'wallet',
    what: 'holds',
    proof: serviceToken({ caller: 'transaction', audience: 'wallet' }),
  },
  {
    from: 'transaction',
    to: 'postgres',
    what: 'payments and their outbox',
    proof: password('payflow_transaction'),
  },
  {
    from: 'transaction',
    to: 'rabbitmq',
    what: 'publishes what the outbox holds, also what worker and reversal wrote there',
    proof: 'the password in RABBITMQ_URL',
  },
  {
    from: 'worker',
    to: 'rabbitmq',
    what: 'takes payments from their queue',
    proof: 'the password in RABBITMQ_URL',
  },
  {
    from: 'worker',
    to: 'wallet',
    what: 'posts and releases holds',
    proof: serviceToken({ caller: 'worker', audience: 'wallet' }),
  },
  {
    from: 'worker',
    to: 'postgres',
    what: 'the end of a payment, inbox and outbox',
    proof: password('payflow_transaction'),
  },
  {
    from: 'reversal',
    to: 'wallet',
    what: 'releases holds',
    proof: serviceToken({ caller: 'reversal', audience: 'wallet' }),
  },
  {
    from: 'reversal',
    to: 'postgres',
    what: 'stale payments and their end, outbox, logbook',
    proof: password('payflow_transaction'),
  },
  {
    from: 'notification',
    to: 'auth',
    what: `${PUBLIC_KEYS}; the address of whom a mail is for`,
    proof: `for an address: ${serviceToken({ caller: 'notification', audience: 'auth' })}`,
  },
  {
    from: 'notification',
    to: 'postgres',
    what: 'notifications and inbox',
    proof: password('payflow_notification'),
  },
  {
    from: 'notification',
    to: 'rabbitmq',
    what: 'takes events from its queue',
    proof: 'the password in RABBITMQ_URL',
  },
  {
    from: 'notification',
    to: 'smtp',
    what: 'e-mail',
    proof: 'user and password in SMTP_URL',
    when: 'SMTP_URL is set',
  },
  {
    from: 'auth',
    to: 'wallet',
    what: 'opens wallets',
    proof: serviceToken({ caller: 'auth', audience: 'wallet' }),
  },
  {
    from: 'auth',
    to: 'postgres',
    what: 'users, sessions, audit log, outbox',
    proof: password('payflow_auth'),
  },
  {
    from: 'auth',
    to: 'rabbitmq',
    what: 'publishes what its outbox holds',
    proof: 'the password in RABBITMQ_URL',
  },
  {
    from: 'migrations',
    to: 'postgres',
    what: 'databases, roles, tables',
    proof: 'the password of a superuser',
  },
  ...processes.flatMap((name): Arrow[] => [
    {
      from: 'prometheus',
      to: name,
      what: '`/metrics`, on `METRICS_PORT` where it is set',
      proof: 'the network policy',
    },
    { from: name, to: 'collector', what: 'traces', proof: 'as the collector asks', when: TRACED },
  ]),
]
