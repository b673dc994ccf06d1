import { definer } from './definer.ts'

/**
 * Gives an account another floor, ceiling or both, where what it holds now is within them: a floor
 * is compared with the available balance (holds that are past their time do not count), a ceiling
 * with the balance and all that is reserved to come in, as the movements are.
 *
 * Locks the whole account: see `lock_whole`. A movement decides either by the old limits, and is in
 * the balance compared here, or by the new ones.
 */
export const setLimitsFunction = (s: string): string => `
create or replace function ${s}.set_limits(
  p_id uuid, p_with_floor boolean, p_floor_minor bigint, p_with_ceiling boolean,
  p_ceiling_minor bigint, p_reason text
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_account ${s}.account := ${s}.lock_whole(p_id);
  v_new ${s}.account := v_account;
  v_now timestamptz := greatest(clock_timestamp(), v_account.expiry_horizon);
  -- Of all parts: numeric, because their sums may pass bigint, where \`whole\` stops.
  v_balance numeric;
  v_debits numeric;
  v_credits numeric;
  v_available numeric;
  v_expected numeric;
begin
  if v_account.id is null then
    return ${s}.rejected('account_not_found', json_build_object('accountId', p_id));
  elsif v_account.closed_at is not null then
    return ${s}.rejected('account_closed', json_build_object('accountId', p_id));
  end if;
  v_new.floor_minor := case when p_with_floor then p_floor_minor else v_account.floor_minor end;
  v_new.ceiling_minor :=
    case when p_with_ceiling then p_ceiling_minor else v_account.ceiling_minor end;
  if v_new = v_account then
    return json_build_object('outcome', 'replayed', 'account', ${s}.account_json(v_account));
  elsif v_new.floor_minor > v_new.ceiling_minor then
    return ${s}.rejected('limits_invalid', json_build_object(
      'field', case when p_with_floor then 'floorMinor' else 'ceilingMinor' end));
  end if;

  select sum(posted_debits_minor) - sum(posted_credits_minor),
      sum(pending_debits_minor) - ${s}.expired_minor(p_id, true, v_now),
      sum(pending_credits_minor) - ${s}.expired_minor(p_id, false, v_now)
    into v_balance, v_debits, v_credits
    from ${s}.account where id = p_id or part_of = p_id;
  if v_account.debit_normal then
    v_available := v_balance - v_credits;
    v_expected := v_balance + v_debits;
  else
    v_available := - v_balance - v_debits;
    v_expected := - v_balance + v_credits;
  end if;
  if p_with_floor and v_available < v_new.floor_minor then
    return ${s}.rejected('insufficient_funds', json_build_object('accountId', p_id,
      'availableMinor', v_available::text, 'floorMinor', v_new.floor_minor::text));
  elsif p_with_ceiling and v_expected > v_new.ceiling_minor then
    return ${s}.rejected('limit_exceeded', json_build_object('accountId', p_id,
      'ceilingMinor', v_new.ceiling_minor::text));
  end if;
  return ${s}.change_account(v_new, 'limits', p_reason, v_now);
end
$fn$`
