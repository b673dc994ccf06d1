import { definer } from './definer.ts'

/**
 * Creates an account, or says what the id already names. No lock is needed: the primary key makes a
 * concurrent twin wait, and what it wrote is compared in a new snapshot. With `p_shards`, the row
 * of the account gets as many parts, which nobody can know before this commits.
 *
 * Limits are compared with those that it was created with, the first line of its history: a call
 * that is sent again long afterwards is still the same call.
 */
export const createAccountFunction = (s: string): string => `
create or replace function ${s}.create_account(
  p_id uuid, p_currency text, p_kind text, p_floor_minor bigint, p_ceiling_minor bigint,
  p_metadata jsonb, p_shards integer default 0
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_account ${s}.account;
  v_first ${s}.account_change;
  v_differs text[];
begin
  -- The CHECK of a row knows no sum of parts; nothing is in the account yet.
  if p_floor_minor > 0 or p_ceiling_minor < 0 then
    raise exception 'account % would start outside its limits', p_id
      using errcode = 'check_violation';
  end if;
  insert into ${s}.account (id, currency, kind, floor_minor, ceiling_minor, metadata, shards)
  select p_id, p_currency, p_kind, p_floor_minor, p_ceiling_minor, p_metadata, p_shards
  where exists (select from ${s}.currency where code = p_currency)
  on conflict (id) do nothing
  returning * into v_account;
  if found then
    insert into ${s}.account (id, currency, kind, part_of, shard, limited, created_at)
    select gen_random_uuid(), p_currency, p_kind, p_id, shard,
      num_nonnulls(p_floor_minor, p_ceiling_minor) > 0, v_account.created_at
    from generate_series(1, p_shards) shard;
    insert into ${s}.account_change (account_id, no, change, floor_minor, ceiling_minor,
      debits_blocked, credits_blocked, closed, created_at)
    values (p_id, 1, 'created', p_floor_minor, p_ceiling_minor, false, false, false,
      v_account.created_at);
    return json_build_object('outcome', 'created', 'account', ${s}.account_json(v_account));
  end if;
  select * into v_account from ${s}.account where id = p_id;
  if not found then
    return ${s}.rejected('currency_unknown', json_build_object('currency', p_currency));
  end if;
  select * into v_first from ${s}.account_change where account_id = p_id and no = 1;
  v_differs := array_remove(array[
    case when v_account.currency <> p_currency then 'currency' end,
    case when v_account.kind <> p_kind then 'kind' end,
    case when v_first.floor_minor is distinct from p_floor_minor then 'floorMinor' end,
    case when v_first.ceiling_minor is distinct from p_ceiling_minor then 'ceilingMinor' end,
    case when v_account.metadata is distinct from p_metadata then 'metadata' end,
    case when v_account.shards <> p_shards then 'hot' end], null);
  if cardinality(v_differs) = 0 then
    return json_build_object('outcome', 'replayed', 'account', ${s}.account_json(v_account));
  end if;
  return ${s}.conflict(${s}.account_json(v_account), v_differs);
end
$fn$`
