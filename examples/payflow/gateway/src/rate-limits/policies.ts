import type { ApiRateLimit } from '@payflow-app/contracts/api'

/**
 * Whom a limit counts. `account`: whom a log-in is for, and the network it comes from. Never the
 * account alone: anybody may name it, so anybody could use up what its owner needs to get in.
 */
export type LimitSubject = 'address' | 'user' | 'account'

/** So many requests in a window that begins with the first of them. */
export interface Rate {
  readonly requests: number
  readonly windowS: number
}

/**
 * What happens to a request while Redis cannot count it.
 *
 * - `open`: it goes on, uncounted.
 * - `memory`: this process counts by itself, so N gateways let N times as many through.
 */
export type OnRedisFailure = 'open' | 'memory'

/** The limits of one kind of route. */
export interface RateLimitPolicy {
  readonly rates: Readonly<Partial<Record<LimitSubject, Rate>>>
  readonly onRedisFailure: OnRedisFailure
  /** Why these numbers and this choice; `docs/api-gateway-checks.md` shows it. */
  readonly why: string
}

const perMinute = (requests: number): Rate => ({ requests, windowS: 60 })

/**
 * The limits unless the environment says otherwise. Far above what people do and far below what it
 * takes to guess passwords, to walk through all users, or to keep a service busy.
 */
export const RATE_LIMITS: Readonly<Record<ApiRateLimit, RateLimitPolicy>> = {
  'sign-in': {
    rates: { address: perMinute(60), account: { requests: 10, windowS: 300 } },
    onRedisFailure: 'memory',
    why:
      'An attempt costs 50 ms of argon2id, and guessing is what it is for. An office behind one ' +
      'address logs in at nine; one account is not tried ten times in five minutes by its owner. ' +
      'Guesses from many networks are ended by auth-service, which looks at five; a count of them ' +
      'here would keep the owner out. ' +
      'Guessing must not become free with an outage, nor logging in impossible.',
  },
  password: {
    rates: { address: perMinute(30), user: { requests: 10, windowS: 300 } },
    onRedisFailure: 'memory',
    why:
      'Two hashes each, and the current password could be guessed by whoever found an open page. ' +
      'Nobody sets a password ten times in five minutes.',
  },
  'forgot-password': {
    rates: { address: perMinute(20), account: { requests: 5, windowS: 900 } },
    onRedisFailure: 'memory',
    why:
      'Each may send a mail to somebody who did not ask for it; auth-service sends three in half ' +
      'an hour at most, whatever is counted here. An outage must not open it, nor close the way ' +
      'back into an account.',
  },
  session: {
    rates: { address: perMinute(600) },
    onRedisFailure: 'open',
    why:
      'A tab renews its token every quarter of an hour. The cookie has 256 random bits, so there ' +
      'is nothing to guess, and whoever is logged in must stay so.',
  },
  payment: {
    rates: { address: perMinute(600), user: perMinute(60) },
    onRedisFailure: 'open',
    why:
      'Nobody presses Send once a second for a minute; a program that retries with its key does. ' +
      'Paying goes on without Redis: the ledger, not a counter, keeps money safe.',
  },
  search: {
    rates: { address: perMinute(1_200), user: perMinute(120) },
    onRedisFailure: 'memory',
    why: 'A search at each pause in typing, and not a list of all users.',
  },
  use: {
    rates: { address: perMinute(6_000), user: perMinute(600) },
    onRedisFailure: 'open',
    why: 'An open page asks 40 times a minute; ten tabs of it, and a hundred people at one address.',
  },
}

/** The environment variable of a limit: `RATE_LIMIT_SIGN_IN_ADDRESS`. */
export function rateVariableName(limit: ApiRateLimit, subject: LimitSubject): RateVariableName {
  const name = `RATE_LIMIT_${limit}_${subject}`.replaceAll('-', '_').toUpperCase()
  return name as RateVariableName
}

type Upper<S extends string> = S extends `${infer A}-${infer B}`
  ? `${Uppercase<A>}_${Upper<B>}`
  : Uppercase<S>

/** The names of all limits' variables. */
export type RateVariableName = `RATE_LIMIT_${Upper<ApiRateLimit>}_${Upper<LimitSubject>}`
