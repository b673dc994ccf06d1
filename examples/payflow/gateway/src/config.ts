import { fileURLToPath } from 'node:url'
import type { ApiRateLimit } from '@payflow-app/contracts/api'
import {
  httpUrlVariable,
  integerVariable,
  portVariable,
  redisUrlVariable,
  type ConfigFault,
  type ProcessConfig,
} from '@payflow-app/service-kit'
import { z } from 'zod'
import {
  RATE_LIMITS,
  rateVariableName,
  type LimitSubject,
  type Rate,
  type RateVariableName,
} from './rate-limits/policies.ts'

/** `60/300`: sixty requests in three hundred seconds. */
const rateVariable = z
  .string()
  .regex(/^[1-9]\d{0,6}\/[1-9]\d{0,4}$/, 'must be requests/seconds, 60/300 for example')
  .transform((text): Rate => {
    const [requests = 0, windowS = 0] = text.split('/').map(Number)
    return { requests, windowS }
  })

/** One variable for each rate of {@link RATE_LIMITS}, which is its default. */
const rateVariables = Object.fromEntries(
  Object.entries(RATE_LIMITS).flatMap(([limit, { rates }]) =>
    Object.entries(rates).map(([subject, rate]) => [
      rateVariableName(limit as ApiRateLimit, subject as LimitSubject),
      rateVariable.default(rate),
    ]),
  ),
) as Record<RateVariableName, z.ZodDefault<typeof rateVariable>>

/** What the gateway reads from the environment. */
export const gatewayVariables = {
  PORT: portVariable.default(3000),
  REDIS_URL: redisUrlVariable,
  AUTH_URL: httpUrlVariable,
  WALLET_URL: httpUrlVariable,
  TRANSACTION_URL: httpUrlVariable,
  NOTIFICATION_URL: httpUrlVariable,
  JWKS_URL: httpUrlVariable,
  /** Begins the idempotency keys in Redis, where several systems share one. */
  REDIS_PREFIX: z.string().max(100).default('idempotency:'),
  /** Longer than the longest chain behind it: transaction-service waits for wallet-service. */
  UPSTREAM_TIMEOUT_MS: integerVariable(100, 60_000).default(8_000),
  /** Streams that are open at a time: through this process, and of one user. */
  STREAMS_MAX: integerVariable(1, 100_000).default(2_000),
  STREAMS_PER_USER_MAX: integerVariable(1, 1_000).default(10),
  /** Three signs of life of a service, and then it is gone. */
  STREAM_SILENCE_MAX_MS: integerVariable(100, 600_000).default(45_000),
  /** The folder of the built web page. */
  WEB_ROOT: z.string().default(fileURLToPath(new URL('../../web/dist', import.meta.url))),
  /** `off` is for load on loopback, and refused in production. */
  PAYFLOW_RATE_LIMITS: z.enum(['on', 'off']).default('on'),
  /** Begins the counters in Redis, where several systems share one. */
  RATE_LIMIT_PREFIX: z.string().max(100).default('rate-limit:'),
  /**
   * A count that takes longer is not waited for: a Redis that hangs must not hold up a payment.
   * Usually it takes a millisecond.
   */
  RATE_LIMIT_TIMEOUT_MS: integerVariable(10, 60_000).default(150),
  /**
   * How many proxies of ours stand in front, each adding the address it saw to `X-Forwarded-For`.
   * Too few: everybody behind a proxy is one address. Too many: clients choose their address.
   */
  TRUSTED_PROXY_HOPS: integerVariable(0, 10).default(0),
  ...rateVariables,
}

type GatewayConfig = ProcessConfig & z.output<z.ZodObject<typeof gatewayVariables>>

/** Faults that no variable has alone. */
export function gatewayFaults(config: GatewayConfig): ConfigFault[] {
  if (config.NODE_ENV !== 'production' || config.PAYFLOW_RATE_LIMITS === 'on') return []
  return [{ name: 'PAYFLOW_RATE_LIMITS', message: 'must be on in production' }]
}
