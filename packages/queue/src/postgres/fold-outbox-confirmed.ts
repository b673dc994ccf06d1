import type { Query } from './query.ts'

/*
 * One row for all relays there ever were. Those that work begin a new one with their next batch: they
 * only ever add. Skips what a relay writes at this moment, and what another sweep folds.
 */
const fold = (schema: string): string => `
  with folded as (
    delete from ${schema}.outbox_confirmed where ctid in (
      select ctid from ${schema}.outbox_confirmed where relay <> 'earlier relays'
      for update skip locked
    )
    returning confirmed
  )
  insert into ${schema}.outbox_confirmed as c (relay, confirmed)
  select 'earlier relays', sum(confirmed) from folded having count(*) > 0
  on conflict on constraint outbox_confirmed_pkey
  do update set confirmed = c.confirmed + excluded.confirmed`

/** Keeps the account of confirmed outbox rows short. */
export async function foldOutboxConfirmed(query: Query, schema: string): Promise<void> {
  await query(fold(schema))
}
