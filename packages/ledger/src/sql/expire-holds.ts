import { definer } from './definer.ts'

/**
 * Settles up to `p_limit` holds whose time is up, oldest first.
 *
 * All accounts of the batch are locked first, in the order of their ids, as every other call does
 * for its two; then the holds are read again, because one may have been captured while we waited.
 */
export const expireHoldsFunction = (s: string): string => `
create or replace function ${s}.expire_holds(p_limit integer)
returns json language plpgsql volatile ${definer} as $fn$
declare
  v_ids uuid[];
  v_accounts uuid[];
  v_hold ${s}.hold;
  v_count integer := 0;
begin
  select array_agg(h.id), array_agg(h.debit_id) || array_agg(h.credit_id) into v_ids, v_accounts
    from (select id, debit_id, credit_id from ${s}.hold
      where state = 'open' and expires_at <= clock_timestamp()
      order by expires_at limit p_limit) h;
  perform from ${s}.account where id = any (v_accounts) order by id for no key update;
  for v_hold in select * from ${s}.hold where id = any (v_ids) and state = 'open' loop
    perform ${s}.settle_hold(v_hold, 'expired', clock_timestamp());
    v_count := v_count + 1;
  end loop;
  return json_build_object('expired', v_count);
end
$fn$`
