import {
  createHttpClient,
  createUserTokens,
  problem,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { gatewayVariables } from './config.ts'
import { paymentIdempotency } from './payment-idempotency.ts'
import { connectRedis } from './redis.ts'
import { authRoutes } from './routes/auth.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { statusRoutes } from './routes/status.ts'
import { transactionRoutes } from './routes/transactions.ts'
import { walletRoutes } from './routes/wallets.ts'
import { sameOriginOnly } from './same-origin.ts'
import { securityHeaders } from './security-headers.ts'
import { serveWebPage } from './web-page.ts'

/**
 * The gateway: the only process that browsers reach. It authenticates, validates, claims the key of
 * a payment, and passes the request on. Only the routes named here exist; no path is passed through
 * as it came, so no internal route can be reached.
 */
export const gatewayService: ServiceDefinition<typeof gatewayVariables> = {
  name: 'gateway',
  variables: gatewayVariables,
  start({ config, logger, metrics, health, shutdown }) {
    const redis = connectRedis(config.REDIS_URL, logger)
    shutdown.add('redis', () => redis.disconnect())
    // Payments are made without Redis too, so its absence is shown but sends nobody away.
    health.observe('redis', () => redis.ping())
    const timeoutMs = config.UPSTREAM_TIMEOUT_MS
    const clientOf = (name: string, baseUrl: string) =>
      createHttpClient({ name: `${name}-service`, baseUrl, timeoutMs })
    const userTokens = createUserTokens({ jwksUrl: config.JWKS_URL })
    const onePerKey = paymentIdempotency({
      redis,
      prefix: config.REDIS_PREFIX,
      logger,
      metrics,
    })
    return {
      securityHeaders,
      routes(app) {
        app.use('/api', sameOriginOnly)
        authRoutes(app, clientOf('auth', config.AUTH_URL), userTokens)
        walletRoutes(app, clientOf('wallet', config.WALLET_URL), userTokens)
        const transaction = clientOf('transaction', config.TRANSACTION_URL)
        statusRoutes(app, transaction)
        transactionRoutes(app, { transaction, userTokens, onePerKey })
        notificationRoutes(app, clientOf('notification', config.NOTIFICATION_URL), userTokens)
        app.use('/api', () => {
          throw problem('route-not-found')
        })
        serveWebPage(app, config.WEB_ROOT)
      },
    }
  },
}
