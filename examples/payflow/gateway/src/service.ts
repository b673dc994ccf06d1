import {
  createHttpClient,
  createStreamSlots,
  createUserTokens,
  problem,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { callerTrace } from './caller-trace.ts'
import { gatewayFaults, gatewayVariables } from './config.ts'
import { serveApiDocs } from './openapi/serve-api-docs.ts'
import { paymentIdempotency } from './payment-idempotency.ts'
import { mountPublicRoutes } from './public-routes.ts'
import { rateVariableName } from './rate-limits/policies.ts'
import { createRateLimitEvents, createRateLimits, noRateLimits } from './rate-limits/rate-limits.ts'
import { connectRedis } from './redis.ts'
import { sameOriginOnly } from './same-origin.ts'
import { securityHeaders } from './security-headers.ts'
import { serveWebPage } from './web-page.ts'

/** A client on the worst of links takes the few hundred bytes of an event in less. */
const STREAM_STALL_MAX_MS = 30_000

/**
 * The gateway: the only process that browsers reach. It authenticates, validates, claims the key of
 * a payment, and passes the request on. Only the routes named here exist; no path is passed through
 * as it came, so no internal route can be reached.
 */
export const gatewayService: ServiceDefinition<typeof gatewayVariables> = {
  name: 'gateway',
  variables: gatewayVariables,
  faults: gatewayFaults,
  start({ config, logger, metrics, health, shutdown }) {
    const redis = connectRedis(config.REDIS_URL, logger)
    shutdown.add('redis', () => redis.disconnect())
    // Payments are made without Redis too, so its absence is shown but sends nobody away.
    health.observe('redis', () => redis.ping())
    const timeoutMs = config.UPSTREAM_TIMEOUT_MS
    const clientOf = (name: string, baseUrl: string) =>
      createHttpClient({ name: `${name}-service`, baseUrl, timeoutMs })
    const clients = {
      auth: clientOf('auth', config.AUTH_URL),
      wallet: clientOf('wallet', config.WALLET_URL),
      transaction: clientOf('transaction', config.TRANSACTION_URL),
      notification: clientOf('notification', config.NOTIFICATION_URL),
    }
    const userTokens = createUserTokens({ jwksUrl: config.JWKS_URL })
    const onePerKey = paymentIdempotency({
      redis,
      prefix: config.REDIS_PREFIX,
      logger,
      metrics,
    })
    const events = createRateLimitEvents(metrics)
    const limits =
      config.PAYFLOW_RATE_LIMITS === 'off'
        ? noRateLimits
        : createRateLimits({
            redis,
            timeoutMs: config.RATE_LIMIT_TIMEOUT_MS,
            prefix: config.RATE_LIMIT_PREFIX,
            rateOf: (limit, subject) => config[rateVariableName(limit, subject)],
            logger,
            events,
          })
    const streams = {
      slots: createStreamSlots({
        perUserMax: config.STREAMS_PER_USER_MAX,
        totalMax: config.STREAMS_MAX,
      }),
      signal: shutdown.signal,
      silenceMaxMs: config.STREAM_SILENCE_MAX_MS,
      stallMaxMs: STREAM_STALL_MAX_MS,
    }
    return {
      securityHeaders,
      callerTrace,
      routes(app) {
        app.set('trust proxy', config.TRUSTED_PROXY_HOPS)
        app.use('/api', sameOriginOnly)
        mountPublicRoutes(app, { clients, userTokens, onePerKey, limits, streams })
        serveApiDocs(app)
        app.use('/api', function refuseUnknownApiPath() {
          throw problem('route-not-found')
        })
        serveWebPage(app, config.WEB_ROOT)
      },
    }
  },
}
