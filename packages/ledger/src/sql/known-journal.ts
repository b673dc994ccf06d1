import { MANY_PARAMETERS } from './many.ts'

/**
 * What to answer to a journal whose id is already in use, or null when it is not. Takes no lock:
 * a journal and its legs never change. All differing fields are named, leg by leg. What a leg says
 * of time is compared apart from what the journal says.
 */
export const knownJournalFunction = (s: string): string => `
create or replace function ${s}.known_journal(p_journal ${s}.journal, ${MANY_PARAMETERS}
) returns json language plpgsql stable as $fn$
declare
  v_journal ${s}.journal;
  v_differs text[];
begin
  select * into v_journal from ${s}.journal where id = p_journal.id;
  if not found then
    return null;
  end if;
  v_differs := array_remove(array[
    case when v_journal.legs <> p_journal.legs then 'transfers' end], null)
    || array(select format('transfers[%s].%s', t.leg, f.field)
      from ${s}.transfer t
      join unnest(p_ids, p_debits, p_credits, p_amounts, p_currencies, p_codes, p_metadata,
        p_effective) with ordinality i (id, debit, credit, amount, currency, code, metadata,
        effective_at, place) on i.place = t.leg + 1
      cross join lateral (values
        (1, 'id', t.id <> i.id),
        (2, 'debitAccountId', t.debit_id <> p_accounts[i.debit]),
        (3, 'creditAccountId', t.credit_id <> p_accounts[i.credit]),
        (4, 'amountMinor', t.amount_minor <> i.amount),
        (5, 'currency', t.currency <> i.currency),
        (6, 'code', t.code is distinct from i.code),
        (7, 'metadata', t.metadata is distinct from i.metadata),
        (8, 'effectiveAt', nullif(t.effective_at, v_journal.effective_at)
          is distinct from nullif(i.effective_at, p_journal.effective_at))
      ) f (no, field, differs)
      where t.journal_id = p_journal.id and f.differs
      order by t.leg, f.no)
    || array_remove(array[
      case when v_journal.code is distinct from p_journal.code then 'code' end,
      case when v_journal.metadata is distinct from p_journal.metadata then 'metadata' end,
      case when v_journal.effective_at is distinct from p_journal.effective_at
        then 'effectiveAt' end], null);
  if cardinality(v_differs) > 0 then
    return ${s}.conflict(${s}.journal_json(v_journal), v_differs);
  end if;
  return json_build_object('outcome', 'replayed', 'journal', ${s}.journal_json(v_journal));
end
$fn$`
