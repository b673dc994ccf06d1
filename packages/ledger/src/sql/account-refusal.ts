/**
 * Why money may not leave `p_debit` or reach `p_credit` whatever the amount: an account that does
 * not exist, is closed, or is frozen in that direction. Null when it may. The first reasons of
 * `refusal`, on their own because a capture is subject to them and to no limit. Takes no lock: the
 * caller holds both account rows, and only their holder changes them.
 */
export const accountRefusalFunction = (s: string): string => `
create or replace function ${s}.account_refusal(
  p_debit ${s}.account, p_credit ${s}.account, p_debit_id uuid, p_credit_id uuid
) returns json language plpgsql immutable as $fn$
begin
  if p_debit.id is null then
    return ${s}.rejected('account_not_found',
      json_build_object('field', 'debitAccountId', 'accountId', p_debit_id));
  elsif p_credit.id is null then
    return ${s}.rejected('account_not_found',
      json_build_object('field', 'creditAccountId', 'accountId', p_credit_id));
  elsif p_debit.closed_at is not null then
    return ${s}.rejected('account_closed', json_build_object('accountId', p_debit_id));
  elsif p_credit.closed_at is not null then
    return ${s}.rejected('account_closed', json_build_object('accountId', p_credit_id));
  elsif p_debit.debits_blocked then
    return ${s}.rejected('account_frozen', json_build_object('accountId', p_debit_id));
  elsif p_credit.credits_blocked then
    return ${s}.rejected('account_frozen', json_build_object('accountId', p_credit_id));
  end if;
  return null;
end
$fn$`
