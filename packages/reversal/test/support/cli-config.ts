// A config module as a user would write one, over the payments of DATABASE_URL. Pauses at a mass
// reversal with ON_MASS_REVERSAL=pause.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createReversal } from '../../src/index.ts'
import type { ReversalConfig } from '../../src/cli/index.ts'
import { paymentOptions } from './payments.ts'

export default function config(): ReversalConfig {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 4 })
  pool.on('error', () => {})
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  const onMassReversal = process.env['ON_MASS_REVERSAL'] === 'pause' ? 'pause' : 'proceed'
  const reversal = createReversal(paymentOptions(db, { onMassReversal }))
  return { reversal, close: () => db.destroy() }
}
