/**
 * What to answer to a capture whose id is already in use, or null when it is not. Takes no lock:
 * what an id names never changes.
 */
export const knownCaptureFunction = (s: string): string => `
create or replace function ${s}.known_capture(
  p_id uuid, p_hold_id uuid, p_requested_minor bigint, p_final boolean
) returns json language plpgsql volatile as $fn$
declare
  v_transfer ${s}.transfer;
  v_hold ${s}.hold;
  v_differs text[];
begin
  select * into v_transfer from ${s}.transfer where id = p_id;
  if found then
    if v_transfer.kind = 'tombstone' then
      return ${s}.rejected('hold_released', null);
    elsif v_transfer.kind <> 'capture' then
      v_differs := array['kind'];
    else
      v_differs := array_remove(array[
        case when v_transfer.hold_id <> p_hold_id then 'holdId' end,
        case when v_transfer.remainder <> (p_requested_minor is null)
          or v_transfer.amount_minor <> p_requested_minor then 'amountMinor' end,
        case when v_transfer.capture_final <> p_final then 'final' end], null);
      if cardinality(v_differs) = 0 then
        return json_build_object('outcome', 'replayed', 'transfer', ${s}.transfer_json(v_transfer));
      end if;
    end if;
    return json_build_object('outcome', 'conflict', 'differs', v_differs,
      'existing', ${s}.transfer_json(v_transfer));
  end if;
  select * into v_hold from ${s}.hold where id = p_id and id <> p_hold_id;
  if v_hold.tombstone then -- came between the two reads
    return ${s}.rejected('hold_released', null);
  elsif found then
    return json_build_object('outcome', 'conflict', 'differs', array['kind'],
      'existing', ${s}.hold_json(v_hold, clock_timestamp()));
  end if;
  return null;
end
$fn$`
