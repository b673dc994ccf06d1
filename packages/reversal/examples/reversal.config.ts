// A config module for the command, with a ledger in the same database:
//   DATABASE_URL=postgres://… payflow-reversal run --config ./reversal.config.ts
// #region main
import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { createLedger, surviveConnectionLoss } from '@payflow/ledger'
import { createReversal } from '@payflow/reversal'
import type { ReversalConfig } from '@payflow/reversal/cli'
import { ledgerResolver } from '@payflow/reversal/ledger'

interface Shop {
  payments: {
    id: string // the id of its hold as well
    status: string
    failure_code: string | null
    created_at: Date
    dispatched_at: Date | null
  }
}

export default function config(): ReversalConfig {
  // Without a listener for its errors, a pool ends the process when PostgreSQL restarts.
  const pool = surviveConnectionLoss(new Pool({ connectionString: process.env['DATABASE_URL'] }))
  const db = new Kysely<Shop>({ dialect: new PostgresDialect({ pool }) })
  const reversal = createReversal({
    db,
    table: 'payments',
    columns: { id: 'id', status: 'status', createdAt: 'created_at', dispatchedAt: 'dispatched_at' },
    statuses: { pending: 'PENDING', reversed: 'FAILED', completed: 'COMPLETED' },
    resolve: ledgerResolver({ ledger: createLedger(), db, holdId: (payment) => payment.id }),
    changes: (_, outcome) => (outcome === 'reversed' ? { failure_code: 'timeout' } : {}),
  })
  return { reversal, close: () => db.destroy() }
}
// #endregion main
