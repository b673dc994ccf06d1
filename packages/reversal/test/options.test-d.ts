/*
 * The options by type: compiled, never run. Where an error is expected the line must not compile;
 * every other must.
 */
import type { Generated, Kysely } from 'kysely'
import { createReversal } from '../src/index.ts'

interface Shop {
  orders: {
    id: Generated<string>
    state: string
    reason: 'timeout' | null
    placed_at: Generated<Date>
    sent_at: Date | null
  }
  notices: { order_id: string; text: string }
}

declare const db: Kysely<Shop>
const columns = { id: 'id', status: 'state', createdAt: 'placed_at' } as const
const statuses = { pending: 'placed', reversed: 'cancelled', completed: 'paid' }
const common = { db, table: 'orders', columns, statuses } as const
const resolve = () => Promise.resolve('reversed' as const)

export const compiled = [
  createReversal({
    ...common,
    resolve: async (row, { signal }) =>
      row.id.length > 0 && !signal.aborted ? 'reversed' : 'not_yet',
    changes: (row, outcome) => ({ reason: outcome === 'reversed' ? 'timeout' : row.reason }),
    onResolved: async (trx, row, outcome) => {
      await trx.insertInto('notices').values({ order_id: row.id, text: outcome }).execute()
    },
    preview: async (row) => (row.sent_at === null ? 'reversed' : 'completed'),
    massReversal: { isReversed: (eb) => eb('reason', '=', 'timeout') },
  }),
  createReversal({
    ...common,
    resolveInTransaction: async (trx, row) => {
      const { rows } = { rows: await trx.selectFrom('notices').select('text').execute() }
      return rows.length > 0 && row.state === 'placed' ? 'completed' : 'reversed'
    },
  }),

  // @ts-expect-error -- one way to decide, not none
  createReversal({ ...common }),
  // @ts-expect-error -- nor two
  createReversal({ ...common, resolve, resolveInTransaction: resolve }),
  // @ts-expect-error -- no such table
  createReversal({ ...common, resolve, table: 'order' }),
  // @ts-expect-error -- no such column
  createReversal({ ...common, resolve, columns: { ...columns, dispatchedAt: 'sent' } }),
  // @ts-expect-error -- not an answer
  createReversal({ ...common, resolve: () => Promise.resolve('REVERSED') }),
  // @ts-expect-error -- not a value of that column
  createReversal({ ...common, resolve, changes: () => ({ reason: 'whatever' }) }),
  // @ts-expect-error -- nor a column
  createReversal({ ...common, resolve, massReversal: { isReversed: (eb) => eb('why', '=', '') } }),
  // @ts-expect-error -- nor an action
  createReversal({ ...common, resolve, onMassReversal: 'stop' }),
]
