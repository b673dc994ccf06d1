/**
 * What to answer to a request whose id names this row of the journal: the last words of each
 * `known_…` function that has found one. `p_differs` names the fields in which the request is
 * another than the row's, in the order of the request, with null for those that agree. Takes no
 * lock: a row of the journal never changes.
 */
export const knownAnswerFunction = (s: string): string => `
create or replace function ${s}.known_answer(p_transfer ${s}.transfer, p_differs text[])
returns json language plpgsql stable as $fn$
declare
  v_differs text[] := array_remove(p_differs, null);
begin
  if cardinality(v_differs) > 0 then
    return ${s}.conflict(${s}.transfer_json(p_transfer), v_differs);
  elsif p_transfer.kind = 'rejection' then
    return ${s}.previously_rejected(p_transfer);
  end if;
  return json_build_object('outcome', 'replayed', 'transfer', ${s}.transfer_json(p_transfer));
end
$fn$`
