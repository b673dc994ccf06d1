import type { Query } from './query.ts'
import { retiringClaims } from './retire-claims.ts'

/*
 * What a relay without a lease had in hand may have reached the broker. Skips claims that another relay
 * adopts; waits for who is cancelling one of the rows.
 */
const adopt = (schema: string): string => `
  with orphan as materialized (
    select c.id, c.seqs
    from ${schema}.claim c
    where case when $2 then not exists (
        select 1 from ${schema}.partition p where p.owner = c.relay and p.leased_until > now()
      ) else c.relay = $1 end
    order by c.id
    limit 64
    for update skip locked
  ), held as (
    update ${schema}.outbox o set claimed_at = now()
    where o.seq = any (array(select unnest(seqs) from orphan)) and o.claimed_at is null
      and o.state <> 'sent'
  ), ${retiringClaims(schema, 'c.id in (select id from orphan)')}
  select 1 from orphan`

/**
 * Writes into the rows themselves that they were claimed, and ends those claims: what this relay left
 * behind when it failed, or with `ofTheDead` what relays did that have no lease any more.
 */
export async function adoptClaims(
  query: Query,
  schema: string,
  relay: string,
  { ofTheDead }: { readonly ofTheDead: boolean },
): Promise<void> {
  let adopted: unknown[]
  do adopted = await query(adopt(schema), [relay, ofTheDead])
  while (adopted.length === 64)
}
