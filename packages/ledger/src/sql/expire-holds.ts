import { definer } from './definer.ts'

/**
 * Settles up to `p_limit` holds whose time is up, oldest first.
 *
 * All accounts of the batch are locked first, as every other call does for its two: exact ones in
 * the order of their ids, then the parts of sharded ones that the holds are on. Then the holds are
 * read again, because one may have been captured while we waited.
 */
export const expireHoldsFunction = (s: string): string => `
create or replace function ${s}.expire_holds(p_limit integer)
returns json language plpgsql volatile ${definer} as $fn$
declare
  v_ids uuid[];
  v_accounts uuid[];
  v_shards smallint[];
  v_hold ${s}.hold;
  v_count integer := 0;
begin
  select array_agg(h.id), array_agg(h.debit_id) || array_agg(h.credit_id),
      array_agg(h.debit_shard) || array_agg(h.credit_shard)
    into v_ids, v_accounts, v_shards
    from (select * from ${s}.hold
      where state = 'open' and expires_at <= clock_timestamp()
      order by expires_at limit p_limit) h;
  perform from ${s}.account where id = any (v_accounts) and shards = 0
    order by id for no key update;
  perform from ${s}.account a where part_of = any (v_accounts) and exists (
      select from unnest(v_accounts, v_shards) u (account_id, shard)
      where u.account_id = a.part_of and u.shard = a.shard)
    order by part_of, shard for no key update;
  for v_hold in select * from ${s}.hold where id = any (v_ids) and state = 'open' loop
    perform ${s}.settle_hold(v_hold, 'expired', clock_timestamp());
    v_count := v_count + 1;
  end loop;
  return json_build_object('expired', v_count);
end
$fn$`
