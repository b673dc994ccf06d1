import { moved } from './moved.ts'

/**
 * Ends a hold without posting what remains of it: `p_state` is released or expired. The caller
 * holds the locks of both accounts, or of the parts of them that the hold is on; they guard the
 * hold as well.
 */
export const settleHoldFunction = (s: string): string => `
create or replace function ${s}.settle_hold(p_hold ${s}.hold, p_state text, p_now timestamptz)
returns ${s}.hold language plpgsql volatile as $fn$
declare
  v_remaining bigint := p_hold.amount_minor - p_hold.captured_minor;
  v_debit_row uuid := p_hold.debit_id;
  v_credit_row uuid := p_hold.credit_id;
  v_hold ${s}.hold;
begin
  if p_hold.debit_shard > 0 then
    select id into strict v_debit_row from ${s}.account
      where part_of = p_hold.debit_id and shard = p_hold.debit_shard;
  end if;
  if p_hold.credit_shard > 0 then
    select id into strict v_credit_row from ${s}.account
      where part_of = p_hold.credit_id and shard = p_hold.credit_shard;
  end if;
  update ${s}.account set
        ${moved('pending', '-', 'v_remaining', 'v_debit_row', 'v_credit_row')}
  where id in (v_debit_row, v_credit_row);
  update ${s}.hold set state = p_state, settled_at = p_now where id = p_hold.id and state = 'open'
    returning * into strict v_hold;
  return v_hold;
end
$fn$`
