/**
 * Locks an account with all its parts, for a change of the account itself, and answers its row with
 * the counters of all parts added up; nulls when there is no such account.
 *
 * Why these locks: a movement decides by the row it posts on. Holding every row, we wait for each
 * movement that decided before us, and each that comes later sees what we wrote. The row of the
 * account comes first and orders the changes of one account; movements never lock the row of a
 * sharded account. Parts in the order of their numbers, as everywhere.
 */
export const lockWholeFunction = (s: string): string => `
create or replace function ${s}.lock_whole(p_id uuid)
returns ${s}.account language plpgsql volatile as $fn$
declare
  v_account ${s}.account;
  v_part ${s}.account;
begin
  select * into v_account from ${s}.account where id = p_id and shard = 0 for no key update;
  if v_account.shards > 0 then
    perform from ${s}.account where part_of = p_id order by shard for no key update;
    select * into strict v_part from ${s}.account where part_of = p_id and shard = 1;
    v_account := ${s}.whole(v_part);
    select max(expiry_horizon) into v_account.expiry_horizon
      from ${s}.account where part_of = p_id;
  end if;
  return v_account;
end
$fn$`
