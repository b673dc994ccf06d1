/**
 * Locks what a movement of id `p_id` needs of a sharded account, and answers the part that it posts
 * on; null when no sharded account has this id. Called after all exact accounts are locked, and of
 * two sharded accounts for the smaller id first; parts are locked in the order of their numbers: so
 * every call that needs several takes them in one order.
 *
 * The part follows from the id of the movement, so that a twin meets the same part, and its lock.
 * An account without limits needs no more. Limits are of the sum of all parts, so all are locked:
 * row versions written since make a transaction of REPEATABLE READ fail, where the lock of the head
 * row alone would let it add up an old snapshot.
 *
 * Whoever changes the limits of a sharded account, freezes or closes it locks all parts in this
 * order and writes to each: `limited` and the two flags of a part are copies of the head's. If
 * limits appeared while we waited for our one part, it is too late for the locks in order.
 */
export const lockShardFunction = (s: string): string => `
create or replace function ${s}.lock_shard(p_account_id uuid, p_id uuid)
returns ${s}.account language plpgsql volatile as $fn$
declare
  v_head ${s}.account;
  v_part ${s}.account;
  v_shard integer;
begin
  select * into v_head from ${s}.account where id = p_account_id and shards > 0;
  if not found then
    return null;
  end if;
  v_shard := 1 + get_byte(uuid_send(p_id), 15) % v_head.shards;
  if num_nonnulls(v_head.floor_minor, v_head.ceiling_minor) > 0 then
    perform from ${s}.account where part_of = p_account_id order by shard for no key update;
    select * into strict v_part from ${s}.account
      where part_of = p_account_id and shard = v_shard;
    return v_part;
  end if;
  select * into strict v_part from ${s}.account
    where part_of = p_account_id and shard = v_shard for no key update;
  if v_part.limited then
    raise exception 'account % was given limits a moment ago', p_account_id
      using errcode = 'serialization_failure';
  end if;
  return v_part;
end
$fn$`
