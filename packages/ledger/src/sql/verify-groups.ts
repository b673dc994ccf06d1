import { type Check, findings, listed, verifier } from './findings.ts'

/** The checks of what several journal rows make together. */
export const verifyGroups = (s: string): readonly string[] => [
  verifyReversals(s),
  verifyJournals(s),
]

/** One batch of `table` by its key, each row beside what the journal says of it. No lock. */
const verifyGroup = (
  s: string,
  name: string,
  key: string,
  batch: string,
  checks: readonly Check[],
): string => `
create or replace function ${s}.verify_${name}(
  p_cursor jsonb, p_rows integer, p_findings_max integer
) returns json language plpgsql stable ${verifier} as $fn$
declare
  v_after uuid := coalesce(p_cursor ->> 'id', '00000000-0000-0000-0000-000000000000');
begin
  return (with
  batch as materialized (${batch}),
  finding as (
    ${findings(checks)})
  select json_build_object(${listed},
    'next', case when (select count(*) from batch) = p_rows
      then (select json_build_object('id', ${key}) from batch order by ${key} desc limit 1) end));
end
$fn$`

const verifyReversals = (s: string): string =>
  verifyGroup(
    s,
    'reversals',
    'transfer_id',
    `
    select r.*, o.amount_minor as original, coalesce(t.amount, 0) as reversed
    from (select * from ${s}.reversal_total where transfer_id >= v_after
      and (p_cursor is null or transfer_id > v_after) order by transfer_id limit p_rows) r
    left join ${s}.transfer o on o.id = r.transfer_id
    cross join lateral (select sum(amount_minor) as amount from ${s}.transfer
      where reverses_id = r.transfer_id) t`,
    [
      {
        finding: 'reversal_mismatch',
        subject: 'transfer_id',
        field: `'reversed_minor'`,
        expected: 'reversed',
        actual: 'reversed_minor',
        from: 'batch where reversed <> reversed_minor',
      },
      {
        finding: 'reversal_mismatch',
        subject: 'transfer_id',
        field: `'original_minor'`,
        expected: 'original',
        actual: 'original_minor',
        from: 'batch where original is distinct from original_minor',
      },
      {
        finding: 'reversal_mismatch',
        subject: 'transfer_id',
        field: `'reversed beyond original'`,
        expected: `'at most ' || original`,
        actual: 'reversed',
        from: 'batch where reversed > original',
      },
    ],
  )

const verifyJournals = (s: string): string =>
  verifyGroup(
    s,
    'journals',
    'id',
    `
    select j.id, j.legs, t.legs as stored
    from (select * from ${s}.journal where id >= v_after
      and (p_cursor is null or id > v_after) order by id limit p_rows) j
    cross join lateral (select count(*) as legs from ${s}.transfer
      where journal_id = j.id) t`,
    [
      {
        finding: 'journal_mismatch',
        subject: 'id',
        field: `'legs'`,
        expected: 'legs',
        actual: 'stored',
        from: 'batch where legs <> stored',
      },
    ],
  )
