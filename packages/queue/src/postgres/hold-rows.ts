import { seqArray } from './claim-batch.ts'
import type { Query } from './query.ts'
import { retiringClaims } from './retire-claims.ts'

/*
 * One statement, so that there is no moment at which a row was in the broker's hands and neither its
 * claim nor `claimed_at` says so. Not fenced: that a relay had a row is true whoever has it now. Waits
 * for who is cancelling one of them.
 */
const hold = (schema: string): string => `
  with held as (
    update ${schema}.outbox o set claimed_at = now()
    where o.seq = any (array(select unnest($1::bigint[]))) and o.claimed_at is null
      and o.state <> 'sent'
  ), ${retiringClaims(schema, 'c.relay = $2')}
  select 1`

/**
 * Ends this relay's claims. Of these rows it stays known that a relay had them; all others it claimed and
 * did not send can be cancelled again.
 */
export async function holdRows(
  query: Query,
  schema: string,
  relay: string,
  rows: readonly { readonly seq: string }[],
): Promise<void> {
  await query(hold(schema), [seqArray(rows), relay])
}
