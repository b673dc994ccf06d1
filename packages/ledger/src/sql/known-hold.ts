/**
 * What to answer to a hold whose id is already in use, or null when it is not. The same request
 * replays only while the money is held or was captured: after a release or an expiry a caller must
 * not believe that it is. The caller holds the locks of the accounts in the request, which are
 * those of the hold wherever this settles one.
 */
export const knownHoldFunction = (s: string): string => `
create or replace function ${s}.known_hold(
  p_id uuid, p_debit_id uuid, p_credit_id uuid, p_amount_minor bigint, p_currency text,
  p_code text, p_metadata jsonb, p_expires_in_ms bigint, p_now timestamptz
) returns json language plpgsql volatile as $fn$
declare
  v_transfer ${s}.transfer;
  v_hold ${s}.hold;
  v_existing json;
  v_differs text[];
begin
  select * into v_hold from ${s}.hold where id = p_id;
  if not found then
    select * into v_transfer from ${s}.transfer where id = p_id;
    if v_transfer.hold_id = p_id then
      -- The hold and its capture came between the two reads; it is visible now.
      select * into strict v_hold from ${s}.hold where id = p_id;
    elsif v_transfer.rejection->>'verb' = 'hold' then
      v_existing := ${s}.transfer_json(v_transfer);
      v_hold.debit_id := v_transfer.debit_id;
      v_hold.credit_id := v_transfer.credit_id;
      v_hold.amount_minor := v_transfer.amount_minor;
      v_hold.currency := v_transfer.currency;
      v_hold.code := v_transfer.code;
      v_hold.metadata := v_transfer.metadata;
      v_hold.expires_in_ms := (v_transfer.rejection->>'expiresInMs')::bigint;
    else
      return ${s}.known_otherwise(p_id, false, 'hold');
    end if;
  end if;
  if v_hold.tombstone then
    return ${s}.rejected('hold_released', null);
  end if;
  v_differs := array_remove(array[
    case when v_hold.debit_id <> p_debit_id then 'debitAccountId' end,
    case when v_hold.credit_id <> p_credit_id then 'creditAccountId' end,
    case when v_hold.amount_minor <> p_amount_minor then 'amountMinor' end,
    case when v_hold.currency <> p_currency then 'currency' end,
    case when v_hold.code is distinct from p_code then 'code' end,
    case when v_hold.metadata is distinct from p_metadata then 'metadata' end,
    case when v_hold.expires_in_ms is distinct from p_expires_in_ms then 'expiresInMs' end], null);
  if cardinality(v_differs) > 0 then
    return ${s}.conflict(coalesce(v_existing, ${s}.hold_json(v_hold, p_now)), v_differs);
  elsif v_existing is not null then
    return ${s}.previously_rejected(v_transfer);
  end if;
  if v_hold.state = 'open' and v_hold.expires_at <= p_now then
    v_hold := ${s}.settle_hold(v_hold, 'expired', p_now);
  end if;
  if v_hold.state in ('released', 'expired') then
    return ${s}.rejected('hold_' || v_hold.state,
      json_build_object('hold', ${s}.hold_json(v_hold, p_now)));
  end if;
  return json_build_object('outcome', 'replayed', 'hold', ${s}.hold_json(v_hold, p_now));
end
$fn$`
