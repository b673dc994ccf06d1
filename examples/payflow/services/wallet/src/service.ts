import {
  callerKeys,
  createDatabase,
  createServiceVerifier,
  createUserTokens,
  serviceKeyFaults,
  type ServiceDefinition,
} from '@payflow-app/service-kit'
import { createLedger } from '@payflow/ledger'
import { walletVariables } from './config.ts'
import { registerConservationGauge } from './conservation-gauge.ts'
import type { WalletDatabase } from './database.ts'
import { auditRoutes } from './routes/audit.ts'
import { holdRoutes } from './routes/holds.ts'
import { statementRoutes } from './routes/statements.ts'
import { walletRoutes } from './routes/wallets.ts'

/** Without these the database is not migrated, and the process has not started. */
const TABLES = ['public.wallets', 'ledger.account', 'ledger.transfer', 'ledger.hold']

/** wallet-service: the only process that touches the ledger. */
export const walletService: ServiceDefinition<typeof walletVariables> = {
  name: 'wallet',
  variables: walletVariables,
  faults: serviceKeyFaults,
  start({ config, logger, metrics, health, shutdown, probe }) {
    const database = createDatabase<WalletDatabase>({
      url: config.DATABASE_URL,
      applicationName: 'wallet',
      registry: metrics.registry,
      logger,
    })
    shutdown.add('database', () => database.close())
    health.require('postgres', () => database.ping())
    health.begin('migrated', () => database.hasTables(TABLES))
    const ledger = createLedger()
    registerConservationGauge(metrics.registry, database.db, ledger)
    const options = {
      probe,
      db: database.db,
      ledger,
      openingCreditMinor: BigInt(config.OPENING_CREDIT_MINOR),
      userTokens: createUserTokens({ jwksUrl: config.JWKS_URL }),
      services: createServiceVerifier({ audience: 'wallet', keys: callerKeys('wallet', config) }),
    }
    return {
      routes(app) {
        // Fixed paths first: `/wallets/:userId` would take them for user ids.
        auditRoutes(app, options)
        holdRoutes(app, options)
        statementRoutes(app, options)
        walletRoutes(app, options)
      },
    }
  },
}
