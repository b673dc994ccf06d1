import { balanceAfterCredit, balanceAfterDebit } from './balance-after.ts'
import { definer } from './definer.ts'
import { lockPair } from './lock-pair.ts'
import { moved } from './moved.ts'
import { withinLimits } from './within-limits.ts'

/**
 * Moves money: one debit, one credit, one journal row.
 *
 * Order of work: lock both accounts, decide, insert, then update. The id is looked up after the
 * lock and only when the row could not be written: a twin on the same accounts has then committed
 * or gone, and the usual case pays for no lookup. The insert comes before the update, so that
 * losing the id to a concurrent call on *other* accounts (the unique index waits for it) leaves
 * nothing to undo.
 */
export const transferFunction = (s: string): string => `
create or replace function ${s}.transfer(
  p_id uuid, p_debit_id uuid, p_credit_id uuid, p_amount_minor bigint, p_currency text,
  p_code text, p_metadata jsonb
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_debit ${s}.account;
  v_credit ${s}.account;
  v_transfer ${s}.transfer;
  v_refusal json;
  v_horizon timestamptz;
begin${lockPair(s, 'p_debit_id', 'p_credit_id')}

  if ${withinLimits} is not true then
    v_horizon := greatest(clock_timestamp(), v_debit.expiry_horizon, v_credit.expiry_horizon);
    v_refusal := ${s}.refusal(v_debit, v_credit, p_debit_id, p_credit_id, p_amount_minor,
      p_currency, v_horizon);
  end if;

  if v_refusal is null then
    insert into ${s}.transfer (id, kind, debit_id, credit_id, amount_minor, currency, code,
      metadata, debit_seq, credit_seq, debit_balance_minor, credit_balance_minor)
    select p_id, 'transfer', p_debit_id, p_credit_id, p_amount_minor, p_currency, p_code,
      p_metadata, v_debit.seq + 1, v_credit.seq + 1,
      ${balanceAfterDebit('p_amount_minor')},
      ${balanceAfterCredit('p_amount_minor')}
    where not exists (select from ${s}.hold where id = p_id)
    on conflict (id) do nothing
    returning * into v_transfer;
    if found then
      update ${s}.account set
        ${moved('posted', '+', 'p_amount_minor', 'p_debit_id', 'p_credit_id')},
        seq = seq + 1,
        expiry_horizon = greatest(expiry_horizon, v_horizon)
      where id in (p_debit_id, p_credit_id);
      return json_build_object('outcome', 'created',
        'transfer', ${s}.transfer_json(v_transfer));
    end if;
  end if;

  return coalesce(
    ${s}.known_transfer(p_id, p_debit_id, p_credit_id, p_amount_minor, p_currency, p_code,
      p_metadata),
    v_refusal);
end
$fn$`
