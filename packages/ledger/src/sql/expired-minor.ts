/**
 * What holds of an account that are past their time at `p_now`, and not settled yet, still have in
 * its pending counter. Reads one partial index; no lock, the caller decides what it may rely on.
 */
export const expiredMinorFunction = (s: string): string => `
create or replace function ${s}.expired_minor(p_account_id uuid, p_debit boolean, p_now timestamptz)
returns bigint language plpgsql stable as $fn$
begin
  if p_debit then
    return (select coalesce(sum(amount_minor - captured_minor), 0) from ${s}.hold
      where debit_id = p_account_id and state = 'open' and expires_at <= p_now);
  end if;
  return (select coalesce(sum(amount_minor - captured_minor), 0) from ${s}.hold
    where credit_id = p_account_id and state = 'open' and expires_at <= p_now);
end
$fn$`
