// Ledger and payments in one database: the hold, the status and the mail to the payer are written by
// one transaction, or none of them is.
// #region main
import type { ColumnType, Kysely } from 'kysely'
import type { Ledger } from '@payflow/ledger'
import { createReversal } from '@payflow/reversal'
import type { Reversal } from '@payflow/reversal'
import { ledgerPreview, ledgerResolverInTransaction } from '@payflow/reversal/ledger'

export interface Wallet {
  payments: {
    id: string // the id of its hold as well
    status: string
    failure_code: string | null
    created_at: ColumnType<Date, Date | undefined>
    dispatched_at: Date | null
  }
  mails: { payment_id: string; text: string }
}

export function stalePayments(db: Kysely<Wallet>, ledger: Ledger): Reversal {
  const holdId = (payment: { readonly id: string }): string => payment.id
  return createReversal({
    db,
    table: 'payments',
    columns: { id: 'id', status: 'status', createdAt: 'created_at', dispatchedAt: 'dispatched_at' },
    statuses: { pending: 'PENDING', reversed: 'FAILED', completed: 'COMPLETED' },
    resolveInTransaction: ledgerResolverInTransaction({ ledger, holdId }),
    preview: ledgerPreview({ ledger, db, holdId }), // what a report says of a row
    changes: (_, outcome) => ({ failure_code: outcome === 'reversed' ? 'reversed_timeout' : null }),
    onResolved: async (trx, payment, outcome) => {
      await trx.insertInto('mails').values({ payment_id: payment.id, text: outcome }).execute()
    },
    onMassReversal: 'pause',
    massReversal: { isReversed: (eb) => eb('failure_code', '=', 'reversed_timeout') },
    logbook: {}, // migrateReversal(db) makes its table
  })
}
// #endregion main
