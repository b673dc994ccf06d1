import { definer } from './definer.ts'
import { lockHold } from './lock-pair.ts'
import { moved } from './moved.ts'
import { advanced, postRow, rowVariables } from './post-row.ts'
import { readTime } from './read-time.ts'

/**
 * Posts a hold, in part or whole.
 *
 * The hold is read once without a lock, only to learn its accounts, which never change; then both
 * accounts are locked in the usual order and the hold is read again. Captures, releases and expiry
 * of one hold all pass through these two locks, so exactly one of them decides. No limit is
 * tested: the hold reserved the room on both sides. A frozen account refuses all the same.
 *
 * An expiry noticed here is written down at once: it was the decision, whatever the clock says
 * later.
 */
export const captureFunction = (s: string): string => `
create or replace function ${s}.capture(
  p_id uuid, p_hold_id uuid, p_requested_minor bigint, p_final boolean, p_effective_at timestamptz
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_debit ${s}.account;
  v_credit ${s}.account;
  v_hold ${s}.hold;
  v_transfer ${s}.transfer;
  v_refusal json;
  v_sealed_until timestamptz;
  v_now timestamptz;
  v_remaining bigint;
  v_amount_minor bigint;
  v_no_longer_held bigint;${rowVariables}
begin
  select * into v_hold from ${s}.hold where id = p_hold_id;
  if not found then
    v_refusal := ${s}.rejected('hold_not_found', null);
  elsif v_hold.tombstone then
    v_refusal := ${s}.rejected('hold_released', null);
  else${lockHold(s)}
    select * into v_hold from ${s}.hold where id = p_hold_id;${readTime(s)}
    if v_hold.state = 'open' and v_hold.expires_at <= v_now then
      v_hold := ${s}.settle_hold(v_hold, 'expired', v_now);
    end if;
    v_remaining := v_hold.amount_minor - v_hold.captured_minor;
    v_amount_minor := coalesce(p_requested_minor, v_remaining);
    v_refusal := ${s}.capture_refusal(v_hold, v_debit, v_credit, v_amount_minor, p_effective_at,
      v_sealed_until, v_now);
  end if;

  if v_refusal is null then${postRow(
    s,
    ROW,
    `p_id = p_hold_id or not exists (select from ${s}.hold where id = p_id)`,
    ' returning * into v_transfer',
  )}
    if found then
      v_no_longer_held := case when p_final then v_remaining else v_amount_minor end;
      update ${s}.account set
        ${moved('posted', '+', 'v_amount_minor', 'v_debit.id', 'v_credit.id')},
        ${moved('pending', '-', 'v_no_longer_held', 'v_debit.id', 'v_credit.id')},
        ${advanced('v_transfer.debit_hash', 'v_transfer.credit_hash')}
      where id in (v_debit.id, v_credit.id);
      update ${s}.hold set
        captured_minor = captured_minor + v_amount_minor,
        state = case when p_final or v_amount_minor = v_remaining then 'captured' else 'open' end,
        settled_at = case when p_final or v_amount_minor = v_remaining then v_now end
      where id = p_hold_id;
      return json_build_object('outcome', 'created',
        'transfer', ${s}.transfer_json(v_transfer));
    end if;
  end if;

  return coalesce(
    ${s}.known_capture(p_id, p_hold_id, p_requested_minor, p_final, p_effective_at), v_refusal);
end
$fn$`

const ROW = {
  id: 'p_id',
  kind: `'capture'`,
  debit_id: 'v_hold.debit_id',
  credit_id: 'v_hold.credit_id',
  amount_minor: 'v_amount_minor',
  currency: 'v_hold.currency',
  code: 'v_hold.code',
  metadata: 'v_hold.metadata',
  effective_at: 'p_effective_at',
  hold_id: 'p_hold_id',
  capture_final: 'p_final',
  remainder: '(p_requested_minor is null)',
} as const
