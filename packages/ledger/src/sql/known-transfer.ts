/**
 * What to answer to a transfer whose id is already in use, or null when it is not. Takes no lock:
 * what an id names never changes. All differing fields are named, in the order of the request.
 */
export const knownTransferFunction = (s: string): string => `
create or replace function ${s}.known_transfer(
  p_id uuid, p_debit_id uuid, p_credit_id uuid, p_amount_minor bigint, p_currency text,
  p_code text, p_metadata jsonb, p_effective_at timestamptz
) returns json language plpgsql volatile as $fn$
declare
  v_transfer ${s}.transfer;
begin
  select * into v_transfer from ${s}.transfer where id = p_id
    and (kind = 'transfer' or rejection->>'verb' = 'transfer');
  if not found then
    return ${s}.known_otherwise(p_id, false, 'transfer');
  end if;
  return ${s}.known_answer(v_transfer, array[
    case when v_transfer.debit_id <> p_debit_id then 'debitAccountId' end,
    case when v_transfer.credit_id <> p_credit_id then 'creditAccountId' end,
    case when v_transfer.amount_minor <> p_amount_minor then 'amountMinor' end,
    case when v_transfer.currency <> p_currency then 'currency' end,
    case when v_transfer.code is distinct from p_code then 'code' end,
    case when v_transfer.metadata is distinct from p_metadata then 'metadata' end,
    case when v_transfer.effective_at is distinct from p_effective_at then 'effectiveAt' end
  ]);
end
$fn$`
