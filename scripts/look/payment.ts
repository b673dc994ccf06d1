import { styleText } from 'node:util'
import type { StackEntry } from '@payflow-app/stack'
import { runSql, type Database } from './sql.ts'
import { printTable } from './table.ts'

interface Place {
  readonly title: string
  readonly database: Database
  readonly statement: string
}

/** In the order in which a payment gets there. `$1` is its id. */
const places: readonly Place[] = [
  {
    title: 'the key it was asked for under',
    database: 'transaction',
    statement: `select key, payment_id, created_at, refusal from payment_claims
      where payment_id = $1`,
  },
  {
    title: 'the hold in the ledger',
    database: 'wallet',
    statement: `select state, amount_minor, captured_minor, currency from ledger.hold
      where id = $1`,
  },
  {
    title: 'the payment',
    database: 'transaction',
    statement: `select kind, refund_of, status, failure_code, amount_minor, created_at, dispatched_at,
      completed_at, resolved_by from payments where id = $1`,
  },
  {
    title: 'its messages in the outbox',
    database: 'transaction',
    statement: `select type, state, created_at, settled_at from queue.outbox
      where key = $1::text order by seq`,
  },
  {
    title: 'its message in the worker’s inbox',
    database: 'transaction',
    statement: `select i.consumer, i.committed_at from queue.inbox i
      join payments p on i.message_id = p.message_id::text where p.id = $1`,
  },
  {
    title: 'the transfer in the journal',
    database: 'wallet',
    statement: `select kind, amount_minor, debit_balance_minor, credit_balance_minor, created_at
      from ledger.transfer where hold_id = $1 or id = $1`,
  },
  {
    title: 'the notifications',
    database: 'notification',
    statement: `select kind, user_id, created_at, read_at from notifications
      where payment_id = $1 order by kind`,
  },
  {
    title: 'the mails',
    database: 'notification',
    statement: `select kind, user_id, state, attempts, reason, settled_at from mail_deliveries
      where about ->> 'paymentId' = $1 order by kind`,
  },
]

/** Prints what each store knows of one payment. */
export async function lookAtPayment(entries: readonly StackEntry[], id: string): Promise<void> {
  if (!/^[0-9a-f-]{36}$/i.test(id)) {
    throw new Error('that is no payment id; npm run look -- payments lists some')
  }
  for (const { title, database, statement } of places) {
    console.log(`\n${styleText('cyan', title)}  ${styleText('dim', `payflow_${database}`)}`)
    printTable(await runSql(entries, database, statement, [id]))
  }
}
