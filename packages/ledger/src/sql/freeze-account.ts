import { definer } from './definer.ts'

/**
 * Blocks or unblocks debits, credits or both. What is not named stays as it is, so that two people
 * who freeze different sides do not undo each other.
 *
 * Locks the whole account: see `lock_whole`. A movement that has its lock already is let through
 * and is over when this answers; none passes afterwards.
 */
export const freezeAccountFunction = (s: string): string => `
create or replace function ${s}.freeze_account(
  p_id uuid, p_debits boolean, p_credits boolean, p_frozen boolean, p_reason text
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_account ${s}.account := ${s}.lock_whole(p_id);
  v_new ${s}.account := v_account;
begin
  if v_account.id is null then
    return ${s}.rejected('account_not_found', json_build_object('accountId', p_id));
  elsif v_account.closed_at is not null then
    return ${s}.rejected('account_closed', json_build_object('accountId', p_id));
  end if;
  v_new.debits_blocked := case when p_debits then p_frozen else v_account.debits_blocked end;
  v_new.credits_blocked := case when p_credits then p_frozen else v_account.credits_blocked end;
  if v_new = v_account then
    return json_build_object('outcome', 'replayed', 'account', ${s}.account_json(v_account));
  end if;
  return ${s}.change_account(v_new, case when p_frozen then 'frozen' else 'unfrozen' end, p_reason,
    greatest(clock_timestamp(), v_account.expiry_horizon));
end
$fn$`
