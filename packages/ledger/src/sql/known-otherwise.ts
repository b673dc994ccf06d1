/**
 * What to answer to a verb whose id is in use for something that this verb does not make, or null
 * when the id is free. `p_is_hold`: the id may name a hold, as that of a capture does. The last
 * question of every `known_…` function. Takes no lock: what an id names never changes.
 *
 * `p_verb`: a row that this verb itself has left is null, too. It came after the caller of this had
 * looked for one, when the id was free; whoever finds it taken after all looks again.
 */
export const knownOtherwiseFunction = (s: string): string => `
create or replace function ${s}.known_otherwise(
  p_id uuid, p_is_hold boolean, p_verb text default null
)
returns json language plpgsql volatile as $fn$
declare
  v_transfer ${s}.transfer;
  v_hold ${s}.hold;
begin
  select * into v_transfer from ${s}.transfer where id = p_id;
  if v_transfer.kind = 'tombstone' then
    return ${s}.rejected('hold_released', null);
  elsif p_verb in (v_transfer.kind, v_transfer.rejection->>'verb') then
    return null;
  elsif found then
    return ${s}.conflict(${s}.transfer_json(v_transfer));
  end if;
  select * into v_hold from ${s}.hold where id = p_id;
  if v_hold.tombstone then -- came between the two reads
    return ${s}.rejected('hold_released', null);
  elsif found and not p_is_hold then
    return ${s}.conflict(${s}.hold_json(v_hold, clock_timestamp()));
  end if;
  return null;
end
$fn$`
