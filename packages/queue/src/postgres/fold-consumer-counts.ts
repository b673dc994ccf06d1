import type { Query } from './query.ts'

/*
 * One row a consumer instead of one for each process there ever was: the sums stay what they are. Those
 * that said their last word an hour ago write no more. One that fell silent may only be frozen, and its
 * next word would count all again, so a month has to pass; it stays told apart, since counts of it may
 * be missing. Skips what another sweep folds, and adds in the order of names, so that two of them wait
 * for each other in one direction only.
 */
const fold = (schema: string): string => `
  with folded as (
    delete from ${schema}.consumer_count where ctid in (
      select ctid from ${schema}.consumer_count
      where process not in ('ended processes', 'silent processes')
        and updated_at < now() - case when ended then interval '1 hour' else interval '30 days' end
      for update skip locked
    )
    returning *
  )
  insert into ${schema}.consumer_count as c (
    consumer, process, delivered, committed, duplicate, retried, parked, released, abandoned,
    in_flight, ended, updated_at
  )
  select consumer, case when ended then 'ended processes' else 'silent processes' end,
    sum(delivered), sum(committed), sum(duplicate), sum(retried), sum(parked), sum(released),
    sum(abandoned), sum(in_flight), ended, max(updated_at)
  from folded group by consumer, ended order by consumer, ended
  on conflict on constraint consumer_count_pkey
  do update set
    delivered = c.delivered + excluded.delivered, committed = c.committed + excluded.committed,
    duplicate = c.duplicate + excluded.duplicate, retried = c.retried + excluded.retried,
    parked = c.parked + excluded.parked, released = c.released + excluded.released,
    abandoned = c.abandoned + excluded.abandoned, in_flight = c.in_flight + excluded.in_flight,
    updated_at = greatest(c.updated_at, excluded.updated_at)`

/** Keeps the account of processes short that are gone. */
export async function foldConsumerCounts(query: Query, schema: string): Promise<void> {
  await query(fold(schema))
}
