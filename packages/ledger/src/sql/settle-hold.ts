import { moved } from './moved.ts'

/**
 * Ends a hold without posting what remains of it: `p_state` is released or expired. The caller
 * holds the locks of both accounts, which guard the hold as well.
 */
export const settleHoldFunction = (s: string): string => `
create or replace function ${s}.settle_hold(p_hold ${s}.hold, p_state text, p_now timestamptz)
returns ${s}.hold language plpgsql volatile as $fn$
declare
  v_remaining bigint := p_hold.amount_minor - p_hold.captured_minor;
  v_hold ${s}.hold;
begin
  update ${s}.account set
        ${moved('pending', '-', 'v_remaining', 'p_hold.debit_id', 'p_hold.credit_id')}
  where id in (p_hold.debit_id, p_hold.credit_id);
  update ${s}.hold set state = p_state, settled_at = p_now where id = p_hold.id and state = 'open'
    returning * into strict v_hold;
  return v_hold;
end
$fn$`
