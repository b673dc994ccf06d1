import { integerVariable, postgresUrlVariable } from '@payflow-app/service-kit'
import { z } from 'zod'

const password = z.string().min(8, 'must have at least 8 characters')

/** What the migration job reads from the environment. */
export const migrationVariables = {
  ADMIN_DATABASE_URL: postgresUrlVariable,
  DB_PASSWORD_AUTH: password,
  DB_PASSWORD_WALLET: password,
  DB_PASSWORD_TRANSACTION: password,
  DB_PASSWORD_NOTIFICATION: password,
  DATABASE_PREFIX: z.string().default('payflow'),
  /** How long to wait for a PostgreSQL that is still starting. */
  CONNECT_DEADLINE_MS: integerVariable(0, 600_000).default(60_000),
}
