import { definer } from './definer.ts'
import { MANY_ARGUMENTS, MANY_PARAMETERS } from './many.ts'

/**
 * Transfers that stand or fall together, and the row that holds them together. Locks and reasons:
 * see `post_many`, which decides all legs before it writes any, so that a refusal has nothing to
 * undo.
 */
export const journalFunction = (s: string): string => `
create or replace function ${s}.journal(
  p_id uuid, p_code text, p_metadata_of_all jsonb, p_effective_at timestamptz, ${MANY_PARAMETERS}
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_journal ${s}.journal;
  v_answer json;
begin
  v_journal.id := p_id;
  v_journal.legs := cardinality(p_ids);
  v_journal.code := p_code;
  v_journal.metadata := p_metadata_of_all;
  v_journal.effective_at := p_effective_at;
  v_answer := ${s}.post_many(v_journal, ${MANY_ARGUMENTS});
  if v_answer ->> 'createdAt' is null then
    return v_answer;
  end if;
  select * into strict v_journal from ${s}.journal where id = p_id;
  return json_build_object('outcome', 'created', 'journal', ${s}.journal_json(v_journal));
end
$fn$`
