import { definer } from './definer.ts'
import { lockPair } from './lock-pair.ts'
import { moved } from './moved.ts'
import { advanced, postRow, rowVariables } from './post-row.ts'
import { readTime } from './read-time.ts'

/**
 * Gives back a transfer, a capture or a leg of a journal, in part or whole: a journal row the other
 * way round, linked to the original.
 *
 * The original is read once without a lock, to learn its accounts, which never change. Both are
 * locked in the usual order, then the row of the original: of two reversals whose accounts are
 * sharded and which use other parts, that lock alone makes one see what the other gave back.
 * Nothing ever updates the row, and nothing else locks it. `reversal_total` has the sum, with the
 * CHECK that it never passes the original, whatever the code above it does.
 */
export const reverseFunction = (s: string): string => `
create or replace function ${s}.reverse(
  p_id uuid, p_transfer_id uuid, p_requested_minor bigint, p_code text, p_metadata jsonb,
  p_effective_at timestamptz
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_debit ${s}.account;
  v_credit ${s}.account;
  v_original ${s}.transfer;
  v_transfer ${s}.transfer;
  v_refusal json;
  v_sealed_until timestamptz;
  v_now timestamptz;
  v_remaining bigint;
  v_amount_minor bigint;${rowVariables}
begin
  select * into v_original from ${s}.transfer where id = p_transfer_id;
  if v_original.kind in ('transfer', 'capture') then${lockPair(s, 'v_original.credit_id', 'v_original.debit_id', 'p_id')}
    perform from ${s}.transfer where id = p_transfer_id for no key update;${readTime(s)}
    v_remaining := v_original.amount_minor - coalesce((select reversed_minor
      from ${s}.reversal_total where transfer_id = p_transfer_id), 0);
    v_amount_minor := coalesce(p_requested_minor, v_remaining);
    v_refusal := case when v_amount_minor > v_remaining or v_remaining = 0
      then ${s}.rejected('exceeds_original',
        json_build_object('remainingMinor', v_remaining::text))
      else ${s}.refusal(v_debit, v_credit, v_original.credit_id, v_original.debit_id,
        v_amount_minor, v_original.currency, p_effective_at, v_sealed_until, v_now) end;
  elsif found or exists (select from ${s}.hold where id = p_transfer_id) then
    v_refusal := ${s}.rejected('not_reversible', null);
  else
    v_refusal := ${s}.rejected('transfer_not_found', null);
  end if;

  if v_refusal is null then${postRow(
    s,
    ROW,
    `not exists (select from ${s}.hold where id = p_id)`,
    ' returning * into v_transfer',
  )}
    if found then
      insert into ${s}.reversal_total as total (transfer_id, original_minor, reversed_minor)
        values (p_transfer_id, v_original.amount_minor, v_amount_minor)
        on conflict (transfer_id) do update
          set reversed_minor = total.reversed_minor + excluded.reversed_minor;
      update ${s}.account set
        ${moved('posted', '+', 'v_amount_minor', 'v_debit.id', 'v_credit.id')},
        ${advanced('v_transfer.debit_hash', 'v_transfer.credit_hash')},
        expiry_horizon = greatest(expiry_horizon, v_now)
      where id in (v_debit.id, v_credit.id);
      if v_debit.limited or v_credit.limited then
        perform ${s}.keep_horizon(v_original.credit_id, v_original.debit_id, v_now);
      end if;
      return json_build_object('outcome', 'created', 'transfer', ${s}.transfer_json(v_transfer));
    end if;
  end if;

  return coalesce(
    ${s}.known_reversal(p_id, p_transfer_id, p_requested_minor, p_code, p_metadata, p_effective_at),
    v_refusal);
end
$fn$`

const ROW = {
  id: 'p_id',
  kind: `'reversal'`,
  debit_id: 'v_original.credit_id',
  credit_id: 'v_original.debit_id',
  amount_minor: 'v_amount_minor',
  currency: 'v_original.currency',
  code: 'p_code',
  metadata: 'p_metadata',
  effective_at: 'p_effective_at',
  reverses_id: 'p_transfer_id',
  remainder: '(p_requested_minor is null)',
} as const
