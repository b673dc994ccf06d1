/**
 * Why `p_amount_minor` of a hold may not be posted, or null when it may: first what is wrong with
 * the hold, then with its accounts. Takes no lock: the caller holds both accounts, which guard the
 * hold as well, and has settled it if its time was up.
 */
export const captureRefusalFunction = (s: string): string => `
create or replace function ${s}.capture_refusal(
  p_hold ${s}.hold, p_debit ${s}.account, p_credit ${s}.account, p_amount_minor bigint,
  p_effective_at timestamptz, p_sealed_until timestamptz, p_now timestamptz
) returns json language plpgsql stable as $fn$
declare
  v_remaining bigint := p_hold.amount_minor - p_hold.captured_minor;
begin
  if p_hold.state <> 'open' then
    return ${s}.rejected(
      case p_hold.state when 'captured' then 'already_captured' else 'hold_' || p_hold.state end,
      json_build_object('hold', ${s}.hold_json(p_hold, p_now)));
  elsif p_amount_minor > v_remaining then
    return ${s}.rejected('exceeds_hold', json_build_object('remainingMinor', v_remaining::text));
  elsif p_debit.debits_blocked or p_credit.credits_blocked then
    return ${s}.account_refusal(p_debit, p_credit, p_hold.debit_id, p_hold.credit_id);
  elsif p_effective_at < p_sealed_until then
    return ${s}.rejected('period_sealed', json_build_object('sealedUntil', p_sealed_until));
  end if;
  return null;
end
$fn$`
