/**
 * Whether a floor or a ceiling keeps `p_amount_minor` from going from `p_debit` to `p_credit` at
 * `p_now`: the last reasons of `refusal`, or null. No counter can overflow any more.
 *
 * Takes no lock: the caller holds both account rows, and every change of a hold is made under the
 * locks of both its accounts. Reads holds only here, on the slow path: holds whose time is up are
 * taken off the pending counters, so that expiry is right with nobody cleaning up.
 */
export const limitRefusalFunction = (s: string): string => `
create or replace function ${s}.limit_refusal(
  p_debit ${s}.account, p_credit ${s}.account, p_debit_id uuid, p_credit_id uuid,
  p_amount_minor bigint, p_now timestamptz
) returns json language plpgsql stable as $fn$
declare
  v_pending_debits bigint;
  v_pending_credits bigint;
  v_available bigint;
begin
  v_pending_debits := p_debit.pending_debits_minor
    - ${s}.expired_minor(p_debit_id, true, p_now);
  v_pending_credits := p_credit.pending_credits_minor
    - ${s}.expired_minor(p_credit_id, false, p_now);
  if not p_debit.debit_normal then
    v_available := p_debit.posted_credits_minor - p_debit.posted_debits_minor - v_pending_debits;
    if v_available - p_amount_minor < p_debit.floor_minor then
      return ${s}.rejected('insufficient_funds', json_build_object('accountId', p_debit_id,
        'availableMinor', v_available::text, 'floorMinor', p_debit.floor_minor::text));
    end if;
  end if;
  if p_credit.debit_normal then
    v_available := p_credit.posted_debits_minor - p_credit.posted_credits_minor
      - v_pending_credits;
    if v_available - p_amount_minor < p_credit.floor_minor then
      return ${s}.rejected('insufficient_funds', json_build_object('accountId', p_credit_id,
        'availableMinor', v_available::text, 'floorMinor', p_credit.floor_minor::text));
    end if;
  end if;
  if p_debit.debit_normal and p_debit.posted_debits_minor + v_pending_debits + p_amount_minor
    - p_debit.posted_credits_minor > p_debit.ceiling_minor
  then
    return ${s}.rejected('limit_exceeded', json_build_object('accountId', p_debit_id,
      'ceilingMinor', p_debit.ceiling_minor::text));
  elsif not p_credit.debit_normal and p_credit.posted_credits_minor + v_pending_credits
    + p_amount_minor - p_credit.posted_debits_minor > p_credit.ceiling_minor
  then
    return ${s}.rejected('limit_exceeded', json_build_object('accountId', p_credit_id,
      'ceilingMinor', p_credit.ceiling_minor::text));
  end if;
  return null;
end
$fn$`
