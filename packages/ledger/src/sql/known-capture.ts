/**
 * What to answer to a capture whose id is already in use, or null when it is not. Takes no lock:
 * what an id names never changes.
 */
export const knownCaptureFunction = (s: string): string => `
create or replace function ${s}.known_capture(
  p_id uuid, p_hold_id uuid, p_requested_minor bigint, p_final boolean, p_effective_at timestamptz
) returns json language plpgsql volatile as $fn$
declare
  v_transfer ${s}.transfer;
begin
  select * into v_transfer from ${s}.transfer where id = p_id and kind = 'capture';
  if not found then
    return ${s}.known_otherwise(p_id, p_id = p_hold_id);
  end if;
  return ${s}.known_answer(v_transfer, array[
    case when v_transfer.hold_id <> p_hold_id then 'holdId' end,
    case when v_transfer.remainder <> (p_requested_minor is null)
      or v_transfer.amount_minor <> p_requested_minor then 'amountMinor' end,
    case when v_transfer.capture_final <> p_final then 'final' end,
    case when v_transfer.effective_at is distinct from p_effective_at then 'effectiveAt' end
  ]);
end
$fn$`
