import { sql, type Kysely } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** One statement takes no more rows than this. */
const ROWS_MAX = 10_000

/**
 * Adds up the rows of the tally: one a minute and kind of event, and one for all that is older than
 * a day. Returns by how many rows the tally has become shorter.
 *
 * One statement, so every snapshot counts each event once: before or after. Locks the rows that it
 * deletes, oldest first; rows another fold has locked are skipped, not waited for, and no writer
 * ever touches a row that is there.
 */
export async function foldTally(db: Kysely<TransactionDatabase>): Promise<number> {
  const folded = await sql<{ taken: string; kept: string }>`
    with old as (
      select id from public.payment_tally
      where minute < date_trunc('minute', now()) order by id limit ${ROWS_MAX}
      for update skip locked
    ), taken as (
      delete from public.payment_tally using old where payment_tally.id = old.id
      returning minute, event, payments, last_at
    ), kept as (
      insert into public.payment_tally (minute, event, payments, last_at)
      select case when minute < now() - interval '1 day' then timestamptz '-infinity' else minute end as minute,
        event, sum(payments), max(last_at)
      from taken group by 1, event
      returning id
    )
    select (select count(*) from taken) as taken, (select count(*) from kept) as kept`.execute(db)
  const [row] = folded.rows
  return Number(row?.taken ?? 0) - Number(row?.kept ?? 0)
}
