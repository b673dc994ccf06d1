// A config module as a user would write one, over the payments of DATABASE_URL. Pauses at a mass
// reversal with ON_MASS_REVERSAL=pause.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { surviveConnectionLoss } from '@payflow/ledger'
import { createReversal } from '../../src/index.ts'
import type { ReversalConfig } from '../../src/cli/index.ts'
import { paymentOptions } from './payments.ts'

export default function config(): ReversalConfig {
  const connectionString = process.env['DATABASE_URL']
  const pool = surviveConnectionLoss(new pg.Pool({ connectionString, max: 4 }))
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  const onMassReversal = process.env['ON_MASS_REVERSAL'] === 'pause' ? 'pause' : 'proceed'
  const reversal = createReversal(paymentOptions(db, { onMassReversal }))
  return { reversal, close: () => db.destroy() }
}
