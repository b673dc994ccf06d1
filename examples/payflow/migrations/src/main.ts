import {
  ConfigError,
  createLogger,
  isDatabaseUnavailable,
  loadConfig,
  type Logger,
} from '@payflow-app/service-kit'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { migrationVariables } from './config.ts'
import { migrateAll, type MigrateAllOptions } from './migrate-all.ts'

const logger = createLogger({ service: 'migrations' })

/** Repeats the whole run while the server is not there yet: every part of it can be repeated. */
async function migrateWhenReachable(options: MigrateAllOptions, deadlineMs: number): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    try {
      await migrateAll(options)
      return
    } catch (error) {
      if (!isDatabaseUnavailable(error) || performance.now() > giveUpAt) throw error
      logger.info({ reason: String(error) }, 'waiting for PostgreSQL')
      await pause(1_000)
    }
  }
}

async function main(log: Logger): Promise<void> {
  const config = loadConfig(z.object(migrationVariables))
  const options: MigrateAllOptions = {
    adminUrl: config.ADMIN_DATABASE_URL,
    prefix: config.DATABASE_PREFIX,
    passwords: {
      auth: config.DB_PASSWORD_AUTH,
      wallet: config.DB_PASSWORD_WALLET,
      transaction: config.DB_PASSWORD_TRANSACTION,
      notification: config.DB_PASSWORD_NOTIFICATION,
    },
    onProgress: (line) => log.info(line),
  }
  await migrateWhenReachable(options, config.CONNECT_DEADLINE_MS)
  log.info('all databases are up to date')
}

try {
  await main(logger)
} catch (error) {
  if (ConfigError.is(error)) logger.fatal({ faults: error.faults }, error.message)
  else logger.fatal({ err: error }, 'the migration failed')
  process.exitCode = ConfigError.is(error) ? 78 : 1
}
