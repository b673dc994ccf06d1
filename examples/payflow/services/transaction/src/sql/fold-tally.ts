import { sql, type Kysely } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** One statement takes no more rows than this. */
const ROWS_MAX = 10_000

/**
 * Adds up rows of the tally that belong together: those of a minute and kind of event, and those of
 * everything older than a day. Returns by how many rows the tally has become shorter; call it until
 * that is none. What is added up already is left as it is.
 *
 * One statement, so every snapshot counts each event once: before or after. Locks the rows that it
 * deletes, oldest first; rows another fold has locked are skipped, not waited for, and no writer
 * ever touches a row that is there.
 */
export async function foldTally(db: Kysely<TransactionDatabase>): Promise<number> {
  const folded = await sql<{ taken: string; kept: string }>`
    with place as (
      select id, event, count(*) over (partition by event, folded.minute) as rows, folded.minute
      from public.payment_tally as tally, lateral (select
        case when tally.minute < now() - interval '1 day' then timestamptz '-infinity'
          else tally.minute end as minute) as folded
      where tally.minute < date_trunc('minute', now())
    ), old as (
      select id, place.minute
      from public.payment_tally as tally join place using (id)
      where rows > 1 order by id limit ${ROWS_MAX}
      for update of tally skip locked
    ), taken as (
      delete from public.payment_tally as tally using old where tally.id = old.id
      returning old.minute, event, payments, last_at
    ), kept as (
      insert into public.payment_tally (minute, event, payments, last_at)
      select minute, event, sum(payments), max(last_at)
      from taken group by minute, event
      returning id
    )
    select (select count(*) from taken) as taken, (select count(*) from kept) as kept`.execute(db)
  const [row] = folded.rows
  return Number(row?.taken ?? 0) - Number(row?.kept ?? 0)
}
