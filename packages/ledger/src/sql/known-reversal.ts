/**
 * What to answer to a reversal whose id is already in use, or null when it is not. Takes no lock:
 * what an id names never changes.
 */
export const knownReversalFunction = (s: string): string => `
create or replace function ${s}.known_reversal(
  p_id uuid, p_transfer_id uuid, p_requested_minor bigint, p_code text, p_metadata jsonb,
  p_effective_at timestamptz
) returns json language plpgsql volatile as $fn$
declare
  v_transfer ${s}.transfer;
begin
  select * into v_transfer from ${s}.transfer where id = p_id and kind = 'reversal';
  if not found then
    return ${s}.known_otherwise(p_id, false);
  end if;
  return ${s}.known_answer(v_transfer, array[
    case when v_transfer.reverses_id <> p_transfer_id then 'transferId' end,
    case when v_transfer.remainder <> (p_requested_minor is null)
      or v_transfer.amount_minor <> p_requested_minor then 'amountMinor' end,
    case when v_transfer.code is distinct from p_code then 'code' end,
    case when v_transfer.metadata is distinct from p_metadata then 'metadata' end,
    case when v_transfer.effective_at is distinct from p_effective_at then 'effectiveAt' end
  ]);
end
$fn$`
