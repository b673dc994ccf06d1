/**
 * Writes down what was decided about an account: on its row, on its parts, and in its history, whose
 * last line says what the row says (`verify` compares). Takes no lock: the caller holds them all
 * (`lock_whole`), so the next number of the history is free.
 *
 * `p_account` is the row as it shall be. `p_now` is the instant of the decision; time never runs
 * behind it on this account, because holds may have counted as expired.
 */
export const changeAccountFunction = (s: string): string => `
create or replace function ${s}.change_account(
  p_account ${s}.account, p_change text, p_reason text, p_now timestamptz
) returns json language plpgsql volatile as $fn$
declare
  v_account ${s}.account;
begin
  update ${s}.account set
    floor_minor = case when shard = 0 then p_account.floor_minor end,
    ceiling_minor = case when shard = 0 then p_account.ceiling_minor end,
    limited = shard > 0 and num_nonnulls(p_account.floor_minor, p_account.ceiling_minor) > 0,
    debits_blocked = p_account.debits_blocked,
    credits_blocked = p_account.credits_blocked,
    closed_at = p_account.closed_at,
    expiry_horizon = greatest(expiry_horizon, p_now)
  where id = p_account.id or part_of = p_account.id;
  insert into ${s}.account_change (account_id, no, change, floor_minor, ceiling_minor,
    debits_blocked, credits_blocked, closed, reason, created_at)
  select p_account.id, 1 + coalesce(max(no), 0), p_change, p_account.floor_minor,
    p_account.ceiling_minor, p_account.debits_blocked, p_account.credits_blocked,
    p_account.closed_at is not null, p_reason, p_now
  from ${s}.account_change where account_id = p_account.id;
  select * into strict v_account from ${s}.account where id = p_account.id;
  return json_build_object('outcome', 'created', 'account', ${s}.account_json(v_account));
end
$fn$`
