import { PAYMENT_HISTORIES } from '@payflow-app/contracts'
import { sql, type Kysely, type RawBuilder } from 'kysely'

type Subject = { readonly id: string }

async function idsOf(query: RawBuilder<Subject>, db: Kysely<any>): Promise<readonly string[]> {
  return (await query.execute(db)).rows.map(({ id }) => id)
}

/** Payments whose events are no possible life of a payment, or not the one of their row. */
export async function impossibleHistories(db: Kysely<any>): Promise<readonly string[]> {
  const query = sql<Subject>`
    select coalesce(payments.id, history.payment_id) as id
    from payments full join (
      select payment_id, string_agg(type, ' ' order by id) as types
      from payment_events group by payment_id
    ) as history on payment_id = payments.id
    where types !~ (${JSON.stringify(PAYMENT_HISTORIES)}::jsonb ->> status) is distinct from false
      or types ~ 'dispatched' <> (dispatched_at is not null)
      or types ~ 'reversed' <> (status = 'FAILED' and resolved_by = 'reversal')`
  return await idsOf(query, db)
}

/** Payments of which more was refunded than was paid, by their rows or by the journal. */
export async function overRefunded(
  transaction: Kysely<any>,
  wallet: Kysely<any>,
): Promise<readonly string[]> {
  const byRows = sql<Subject>`
    select id from payments where amount_minor < (select sum(amount_minor)
      from payments as refund where refund_of = payments.id and status = 'COMPLETED')`
  const byJournal = sql<Subject>`
    select id from ledger.transfer as original where amount_minor < (select sum(amount_minor)
      from ledger.transfer where reverses_id = original.id)`
  return [...new Set([...(await idsOf(byRows, transaction)), ...(await idsOf(byJournal, wallet))])]
}

/** Kinds of event of which the tally behind the metrics counts another number than there are. */
export async function miscountedEvents(db: Kysely<any>): Promise<readonly string[]> {
  const query = sql<Subject>`
    with payment as (
      select 'created' as event from payments
      union all
      select case when resolved_by = 'worker' then lower(status)
        when status = 'FAILED' then 'reversed' else 'repaired' end
      from payments where status <> 'PENDING'
    ), counted as (
      select event, sum(payments) as payments from payment_tally group by event
    )
    select event as id from (select event, count(*) as payments from payment group by event) as there
    full join counted using (event)
    where there.payments is distinct from counted.payments`
  return await idsOf(query, db)
}

/** Payments that are PENDING for too long, by the clock of their database. */
export async function stalePayments(
  db: Kysely<any>,
  staleAfterMs: number,
): Promise<readonly string[]> {
  const query = sql<Subject>`
    select id from payments where status = 'PENDING'
      and coalesce(dispatched_at, created_at) < now() - ${`${staleAfterMs} milliseconds`}::interval`
  return await idsOf(query, db)
}
