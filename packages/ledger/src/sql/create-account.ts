import { definer } from './definer.ts'

/**
 * Creates an account, or says what the id already names. No lock is needed: the primary key makes a
 * concurrent twin wait, and what it wrote is compared in a new snapshot.
 */
export const createAccountFunction = (s: string): string => `
create or replace function ${s}.create_account(
  p_id uuid, p_currency text, p_kind text, p_floor_minor bigint, p_ceiling_minor bigint,
  p_metadata jsonb
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_account ${s}.account;
  v_differs text[];
begin
  insert into ${s}.account (id, currency, kind, floor_minor, ceiling_minor, metadata)
  select p_id, p_currency, p_kind, p_floor_minor, p_ceiling_minor, p_metadata
  where exists (select from ${s}.currency where code = p_currency)
  on conflict (id) do nothing
  returning * into v_account;
  if found then
    return json_build_object('outcome', 'created', 'account', ${s}.account_json(v_account));
  end if;
  select * into v_account from ${s}.account where id = p_id;
  if not found then
    return ${s}.rejected('currency_unknown', json_build_object('currency', p_currency));
  end if;
  v_differs := array_remove(array[
    case when v_account.currency <> p_currency then 'currency' end,
    case when v_account.kind <> p_kind then 'kind' end,
    case when v_account.floor_minor is distinct from p_floor_minor then 'floorMinor' end,
    case when v_account.ceiling_minor is distinct from p_ceiling_minor then 'ceilingMinor' end,
    case when v_account.metadata is distinct from p_metadata then 'metadata' end], null);
  if cardinality(v_differs) = 0 then
    return json_build_object('outcome', 'replayed', 'account', ${s}.account_json(v_account));
  end if;
  return ${s}.conflict(${s}.account_json(v_account), v_differs);
end
$fn$`
