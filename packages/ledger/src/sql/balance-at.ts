import { definer } from './definer.ts'

/**
 * The balance at an instant, on one of two axes. STABLE: one snapshot for all parts of a sharded
 * account. No lock.
 *
 * Recorded time: what the last row recorded by then left; see `chains`.
 *
 * Effective time: a row counts from `effective_at` where that was given, from when it was recorded
 * otherwise. Let r be the recorded and e the effective time of a row, T the instant. The sum over
 * e ≤ T is the sum over r ≤ T, plus the rows with e ≤ T < r, less those with r ≤ T < e. Both kinds
 * have e ≠ r, hence an explicit time: they are in the partial indexes, and all other rows have been
 * dealt with by the search. The cost grows with the number of the account's rows that bear an
 * explicit time, and with no other.
 */
export const balanceAtFunction = (s: string): string => `
create or replace function ${s}.balance_at(p_id uuid, p_time timestamptz, p_effective boolean)
returns json language plpgsql stable ${definer} as $fn$
declare
  v_account ${s}.account;
  v_balance numeric;
begin
  select * into v_account from ${s}.account where id = p_id and part_of is null;
  if not found then
    return null;
  end if;
  select coalesce(sum(${s}.balance_after(p_id, c.shard,
      ${s}.rows_before(p_id, c.shard, c.seq, p_time, true))), 0)
    into v_balance from ${s}.chains(p_id) c;
  if p_effective then
    v_balance := v_balance + case when v_account.debit_normal then 1 else -1 end * (
      (${moved(s, 'debit')}) - (${moved(s, 'credit')}));
  end if;
  return json_build_object('accountId', p_id, 'currency', v_account.currency,
    'exponent', (select exponent from ${s}.currency where code = v_account.currency),
    'kind', v_account.kind,
    'normalSide', case when v_account.debit_normal then 'debit' else 'credit' end,
    'balanceMinor', v_balance::text);
end
$fn$`

// What counted by then though it was recorded later, less what had been recorded but counted later.
// A refusal that was written down has a time and an amount too, and no place in a sequence.
const moved = (s: string, side: 'debit' | 'credit'): string => `
        (select coalesce(sum(t.amount_minor), 0) from ${s}.transfer t
          where t.${side}_id = p_id and t.${side}_seq is not null
            and t.effective_at <= p_time and t.created_at > p_time)
        - (select coalesce(sum(t.amount_minor), 0) from ${s}.transfer t
          where t.${side}_id = p_id and t.${side}_seq is not null
            and t.effective_at > p_time and t.created_at <= p_time)`
