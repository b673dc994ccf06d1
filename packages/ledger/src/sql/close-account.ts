import { definer } from './definer.ts'

/**
 * Closes an account for ever: nothing in it, nothing reserved, nothing will come.
 *
 * Holds of it that are past their time are settled first. That changes their other accounts too, so
 * those are locked together with this one in the usual order; what expires while we wait is left
 * for the next call. Whether anything is reserved is then read from the counters of the locked
 * rows: a hold or a transfer that decided before us is in them, one that comes later is refused.
 */
export const closeAccountFunction = (s: string): string => `
create or replace function ${s}.close_account(p_id uuid, p_reason text)
returns json language plpgsql volatile ${definer} as $fn$
declare
  v_holds uuid[];
  v_others uuid[];
  v_hold ${s}.hold;
  v_account ${s}.account;
  v_balance numeric;
begin
  select array_agg(h.id), array_agg(h.debit_id) || array_agg(h.credit_id) into v_holds, v_others
    from (select * from (
        select * from ${s}.hold
        where debit_id = p_id and state = 'open' and expires_at <= clock_timestamp()
        union all
        select * from ${s}.hold
        where credit_id = p_id and state = 'open' and expires_at <= clock_timestamp()) expired
      limit 1000) h;
  perform ${s}.lock_accounts(v_others || p_id);
  for v_hold in select * from ${s}.hold where id = any (v_holds) and state = 'open' loop
    perform ${s}.settle_hold(v_hold, 'expired', clock_timestamp());
  end loop;

  v_account := ${s}.lock_whole(p_id);
  -- Not from the row: sums of parts may pass bigint, where \`whole\` stops.
  select sum(posted_debits_minor) - sum(posted_credits_minor) into v_balance
    from ${s}.account where id = p_id or part_of = p_id;
  if v_account.id is null then
    return ${s}.rejected('account_not_found', json_build_object('accountId', p_id));
  elsif v_account.closed_at is not null then
    return json_build_object('outcome', 'replayed', 'account', ${s}.account_json(v_account));
  elsif greatest(v_account.pending_debits_minor, v_account.pending_credits_minor) > 0 then
    return ${s}.rejected('holds_open', json_build_object('accountId', p_id));
  elsif v_balance <> 0 then
    return ${s}.rejected('balance_not_zero', json_build_object('accountId', p_id,
      'balanceMinor', (v_balance
        * case when v_account.debit_normal then 1 else -1 end)::text));
  end if;
  v_account.closed_at := greatest(clock_timestamp(), v_account.expiry_horizon);
  v_account.debits_blocked := true;
  v_account.credits_blocked := true;
  return ${s}.change_account(v_account, 'closed', p_reason, v_account.closed_at);
end
$fn$`
