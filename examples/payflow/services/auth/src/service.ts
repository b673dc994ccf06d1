import {
  createDatabase,
  createHttpClient,
  createUserTokens,
  mintServiceToken,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { createAccessTokens } from './access-tokens.ts'
import { authVariables } from './config.ts'
import type { AuthDatabase } from './database.ts'
import { createRefreshCookie } from './refresh-cookie.ts'
import { authRoutes } from './routes/auth.ts'
import { contactRoutes } from './routes/contact.ts'
import { jwksRoutes } from './routes/jwks.ts'
import { userRoutes } from './routes/users.ts'
import { createSessions } from './sessions.ts'
import { createWalletProvisioning } from './wallet-provisioning.ts'

/** A registration waits no longer than this for the wallet; the loop opens it later then. */
const OPEN_WALLET_TIMEOUT_MS = 1_500

/** auth-service: users, sessions, and the keys everybody verifies tokens with. */
export const authService: ServiceDefinition<typeof authVariables> = {
  name: 'auth',
  variables: authVariables,
  async start({ config, logger, health, shutdown, probe }) {
    const database = createDatabase<AuthDatabase>({
      url: config.DATABASE_URL,
      applicationName: 'auth',
      logger,
    })
    shutdown.add('database', () => database.close())
    health.require('postgres', () => database.ping())
    const { db } = database
    const secret = config.SERVICE_TOKEN_SECRET
    const wallet = createHttpClient({
      name: 'wallet-service',
      baseUrl: config.WALLET_URL,
      timeoutMs: OPEN_WALLET_TIMEOUT_MS,
      token: (nowMs) => mintServiceToken({ secret, issuer: 'auth', audience: 'wallet', nowMs }),
    })
    const intervalMs = config.PROVISIONING_INTERVAL_MS
    const provisioning = createWalletProvisioning({ db, wallet, logger, intervalMs, probe })
    provisioning.start()
    shutdown.add('provisioning', () => provisioning.stop())
    const accessTokens = await createAccessTokens(config.AUTH_PRIVATE_JWK, config.ACCESS_TOKEN_S)
    const userTokens = createUserTokens({ jwks: accessTokens.jwks })
    const refreshTokenS = config.REFRESH_TOKEN_S
    const graceMs = config.REFRESH_GRACE_MS
    const sessions = createSessions({
      db,
      accessTokens,
      provisioning,
      refreshTokenS,
      graceMs,
      probe,
    })
    const cookie = createRefreshCookie({
      path: config.COOKIE_PATH,
      secure: config.COOKIE_SECURE === 'on',
      maxAgeS: refreshTokenS,
    })
    return {
      routes(app) {
        authRoutes(app, { sessions, cookie, userTokens })
        userRoutes(app, { db, userTokens })
        contactRoutes(app, { db, secret })
        jwksRoutes(app, accessTokens.jwks)
      },
    }
  },
}
