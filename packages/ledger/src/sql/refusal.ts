/**
 * Why `p_amount_minor` may not go from `p_debit` to `p_credit` at `p_now`, or null when it may.
 *
 * Takes no lock: the caller holds both account rows, or of a sharded account the part to post on,
 * and all parts where it has limits. The order of the tests is the documented
 * precedence.
 */
export const refusalFunction = (s: string): string => `
create or replace function ${s}.refusal(
  p_debit ${s}.account, p_credit ${s}.account, p_debit_id uuid, p_credit_id uuid,
  p_amount_minor bigint, p_currency text, p_effective_at timestamptz, p_sealed_until timestamptz,
  p_now timestamptz
) returns json language plpgsql stable as $fn$
declare
  v_refusal json := ${s}.account_refusal(p_debit, p_credit, p_debit_id, p_credit_id);
begin
  if v_refusal is not null then
    return v_refusal;
  elsif p_debit.currency <> p_currency then
    return ${s}.rejected('currency_mismatch',
      json_build_object('accountId', p_debit_id, 'currency', p_debit.currency));
  elsif p_credit.currency <> p_currency then
    return ${s}.rejected('currency_mismatch',
      json_build_object('accountId', p_credit_id, 'currency', p_credit.currency));
  elsif p_effective_at < p_sealed_until then
    return ${s}.rejected('period_sealed', json_build_object('sealedUntil', p_sealed_until));
  end if;

  if p_debit.limited then
    p_debit := ${s}.whole(p_debit);
  end if;
  if p_credit.limited then
    p_credit := ${s}.whole(p_credit);
  end if;
  if p_amount_minor > 9223372036854775807
    - p_debit.posted_debits_minor - p_debit.pending_debits_minor
  then
    return ${s}.rejected('overflow', json_build_object('accountId', p_debit_id));
  elsif p_amount_minor > 9223372036854775807
    - p_credit.posted_credits_minor - p_credit.pending_credits_minor
  then
    return ${s}.rejected('overflow', json_build_object('accountId', p_credit_id));
  end if;
  return ${s}.limit_refusal(p_debit, p_credit, p_debit_id, p_credit_id, p_amount_minor, p_now);
end
$fn$`
