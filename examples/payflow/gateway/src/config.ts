import { fileURLToPath } from 'node:url'
import {
  httpUrlVariable,
  integerVariable,
  portVariable,
  redisUrlVariable,
} from '@payflow-app/service-kit'
import { z } from 'zod'

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
  /** The folder of the built web page. */
  WEB_ROOT: z.string().default(fileURLToPath(new URL('../../web/dist', import.meta.url))),
}
