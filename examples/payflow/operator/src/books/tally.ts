import { sql, type Kysely } from 'kysely'

/** Kinds of event of which the tally behind the metrics counts another number than there are. */
export async function miscountedEvents(db: Kysely<any>): Promise<readonly string[]> {
  const { rows } = await sql<{ event: string }>`
    with payment as (
      select 'created' as event from payments
      union all
      select case when resolved_by = 'worker' then lower(status)
        when status = 'FAILED' then 'reversed' else 'repaired' end
      from payments where status <> 'PENDING'
    ), counted as (
      select event, sum(payments) as payments from payment_tally group by event
    )
    select event from (select event, count(*) as payments from payment group by event) as there
    full join counted using (event)
    where there.payments is distinct from counted.payments`.execute(db)
  return rows.map(({ event }) => event)
}
