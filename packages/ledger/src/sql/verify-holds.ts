import { type Check, findings, listed, verifier } from './findings.ts'

/**
 * Checks the next `p_rows` holds, in the order of their ids, against the captures that name them.
 * One snapshot, no lock: a hold changes together with the journal row of its capture.
 */
export const verifyHoldsFunction = (s: string): string => `
create or replace function ${s}.verify_holds(
  p_cursor jsonb, p_rows integer, p_findings_max integer
) returns json language plpgsql stable ${verifier} as $fn$
declare
  v_after uuid := coalesce(p_cursor ->> 'id', '00000000-0000-0000-0000-000000000000');
begin
  return (with
  batch as materialized (
    select h.*, c.amount, c.closed
    from (select * from ${s}.hold where id >= v_after
      and (p_cursor is null or id > v_after) order by id limit p_rows) h
    cross join lateral (
      select coalesce(sum(t.amount_minor), 0) as amount,
        coalesce(bool_or(t.capture_final), false) as closed
      from ${s}.transfer t where t.hold_id = h.id) c),
  finding as (
    ${findings(checks(s))})
  select json_build_object(${listed},
    'holds', (select count(*)::text from batch where not tombstone),
    'next', case when (select count(*) from batch) = p_rows
      then (select json_build_object('id', id) from batch order by id desc limit 1) end));
end
$fn$`

const checks = (s: string): readonly Check[] => [
  {
    finding: 'hold_capture_mismatch',
    subject: 'id',
    field: `'captured_minor'`,
    expected: 'amount',
    actual: 'captured_minor',
    from: 'batch where amount <> captured_minor',
  },
  {
    finding: 'hold_capture_mismatch',
    subject: 'id',
    field: `'state'`,
    expected: `case when closed or amount = amount_minor then 'captured' else 'not captured' end`,
    actual: 'state',
    from: `batch where not tombstone
        and (closed or amount = amount_minor) <> (state = 'captured')`,
  },
  {
    finding: 'hold_missing',
    subject: 'h.id',
    field: `'tombstone'`,
    expected: 'h.id',
    actual: 'null',
    from: `batch h where h.tombstone and not exists (
        select from ${s}.transfer t where t.id = h.id and t.kind in ('tombstone', 'rejection'))`,
  },
  ...(['debit', 'credit'] as const).map((side) => ({
    finding: 'account_missing',
    subject: 'h.id',
    field: `'${side}_id'`,
    expected: `h.${side}_id`,
    actual: 'null',
    from: `batch h where not h.tombstone and not exists (
        select from ${s}.account a where a.id = h.${side}_id and a.part_of is null)`,
  })),
]
