import {
  amqpUrlVariable,
  httpUrlVariable,
  integerVariable,
  portVariable,
  type ConfigFault,
  postgresUrlVariable,
  secretVariable,
  serviceKeyFaults,
  serviceKeyVariables,
} from '@payflow-app/service-kit'
import { z } from 'zod'
import { keyIdOf, privateJwk, publicJwks } from './keys.ts'

/** Thirty days: whoever opens the page once a month stays logged in. */
const REFRESH_TOKEN_S = 30 * 24 * 3_600

/** Says what is wrong without quoting any of it. */
const keysAsJson = <S extends z.ZodType>(schema: S, message: string) =>
  z.string().transform((text, context): z.output<S> => {
    const keys = schema.safeParse(parseJson(text))
    if (keys.success) return keys.data
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

/** What auth-service reads from the environment. */
export const authVariables = {
  PORT: portVariable.default(3004),
  DATABASE_URL: postgresUrlVariable,
  WALLET_URL: httpUrlVariable,
  /** Where its messages go. While it is away they wait in the database. */
  RABBITMQ_URL: amqpUrlVariable,
  ...serviceKeyVariables('auth'),
  /** The addresses in the audit log are hashed with it: four billion of them are quickly tried. */
  ADDRESS_HASH_KEY: secretVariable,
  /** The key that signs access tokens. No other process has it. */
  AUTH_PRIVATE_JWK: keysAsJson(privateJwk, 'must be an Ed25519 private key as a JWK'),
  /**
   * Public keys that are published beside it: the one that will sign next, and those that have signed
   * tokens which still hold. docs/rotating-keys.md says how to go from one to the other.
   */
  AUTH_PUBLIC_JWKS: keysAsJson(
    publicJwks,
    'must be a JWK set of Ed25519 public keys, each with a kid and none with its private part',
  ).default({ keys: [] }),
  /** How long an access token holds. Short, for it cannot be taken back. */
  ACCESS_TOKEN_S: integerVariable(10, 3_600).default(900),
  REFRESH_TOKEN_S: integerVariable(60, 365 * 24 * 3_600).default(REFRESH_TOKEN_S),
  /**
   * A refresh token that comes again within this time, from the same browser, is taken for a retry
   * whose first answer got lost, and gets that answer again; after it, for a theft.
   */
  REFRESH_GRACE_MS: integerVariable(0, 60_000).default(10_000),
  /** `off` only where the page is served over plain HTTP, on one's own machine. */
  COOKIE_SECURE: z.enum(['on', 'off']).default('on'),
  /** The path of the auth routes as the browser sees it, through the gateway. */
  COOKIE_PATH: z.string().startsWith('/').default('/api/auth'),
  /** So many wrong passwords, and none is looked at any more for a while. */
  LOGIN_ATTEMPTS_MAX: integerVariable(1, 100).default(5),
  /**
   * For so long, from the last wrong password on. Half an hour leaves 240 guesses a day, and who is
   * locked out has two ways in: a browser used before, and a new password.
   */
  LOGIN_LOCK_S: integerVariable(1, 86_400).default(1_800),
  /** How long a mailed link for a new password is good. */
  RESET_TOKEN_S: integerVariable(1, 86_400).default(1_800),
  /**
   * argon2id with 19 MiB, two passes, one lane. Source: OWASP Password Storage Cheat Sheet. More
   * memory would let fewer logins exhaust the machine than it would cost an attacker. Passwords that
   * were hashed at another cost are hashed anew at the next login.
   */
  PASSWORD_HASH_MEMORY_KIB: integerVariable(1_024, 1_048_576).default(19_456),
  PASSWORD_HASH_PASSES: integerVariable(1, 20).default(2),
  /**
   * So many passwords are hashed at a time: one less than Node has threads for it, so that looking up
   * an address never waits for a hash.
   */
  PASSWORD_HASHES_MAX: integerVariable(1, 64).default(3),
  /** So many more wait, two seconds at worst; the rest is told to come back. */
  PASSWORD_HASHES_WAITING_MAX: integerVariable(0, 10_000).default(100),
  /** How often wishes for a new password are looked for; the one that comes in is seen to at once. */
  RESET_INTERVAL_MS: integerVariable(50, 60_000).default(1_000),
  /**
   * How long it is kept what happened to an account. Not under 90 days, which the database enforces;
   * a year and a month, so that whoever looks back once a year still finds all of it.
   */
  AUDIT_RETENTION_DAYS: integerVariable(90, 3_650).default(400),
  /**
   * How long sessions, their tokens and mailed links are kept after they have run out: for whoever
   * has to find out later which session did what. They open nothing any more.
   */
  SESSION_RETENTION_DAYS: integerVariable(1, 3_650).default(30),
  /** How often it is looked for what is to be forgotten. */
  PURGE_INTERVAL_MS: integerVariable(50, 86_400_000).default(3_600_000),
  /** How often wallets that are still owed are looked for. */
  PROVISIONING_INTERVAL_MS: integerVariable(50, 60_000).default(1_000),
}

/** Faults that no variable has alone. */
export function authFaults(config: {
  readonly AUTH_PRIVATE_JWK: z.output<typeof privateJwk>
  readonly AUTH_PUBLIC_JWKS: z.output<typeof publicJwks>
}): ConfigFault[] {
  const known = new Map([[keyIdOf(config.AUTH_PRIVATE_JWK), config.AUTH_PRIVATE_JWK.x]])
  const faults = serviceKeyFaults(config)
  for (const { kid, x } of config.AUTH_PUBLIC_JWKS.keys) {
    if ((known.get(kid) ?? x) !== x) {
      faults.push({ name: 'AUTH_PUBLIC_JWKS', message: 'gives one kid to two different keys' })
    }
    known.set(kid, x)
  }
  return faults
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
