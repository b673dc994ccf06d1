import { type Check, findings, listed, verifier } from './findings.ts'

/**
 * Checks that what the next `p_rows` journal rows, in the order of their ids, refer to exists and
 * agrees: accounts, hold, original, journal, sealed periods. One snapshot, no lock. Amounts and
 * order are the business of `verify_accounts`, which sees each row from both of its accounts.
 */
export const verifyTransfersFunction = (s: string): string => `
create or replace function ${s}.verify_transfers(
  p_cursor jsonb, p_rows integer, p_findings_max integer
) returns json language plpgsql stable ${verifier} as $fn$
declare
  v_after uuid := coalesce(p_cursor ->> 'id', '00000000-0000-0000-0000-000000000000');
begin
  return (with
  batch as materialized (${batch(s)}),
  money as (select * from batch where kind not in ('tombstone', 'rejection')),
  finding as (
    ${findings(checks(s))})
  select json_build_object(${listed},
    'transfers', (select count(*)::text from money),
    'next', case when (select count(*) from batch) = p_rows
      then (select json_build_object('id', id) from batch order by id desc limit 1) end));
end
$fn$`

// Each look-up is a LATERAL with a limit: an index probe for each row, whatever the planner believes
// about tables that may have grown a thousandfold since it last looked.
const batch = (s: string): string => `
    select t.*, d.known as debit_known, c.known as credit_known,
      h.id as h_id, h.tombstone as h_tombstone, h.debit_id as h_debit_id,
      h.credit_id as h_credit_id, h.currency as h_currency,
      o.kind as o_kind, o.debit_id as o_debit_id, o.credit_id as o_credit_id,
      o.currency as o_currency, r.known as total_known, j.known as journal_known
    from (select * from ${s}.transfer where id >= v_after
      and (p_cursor is null or id > v_after) order by id limit p_rows) t
    left join lateral (${account(s, 'debit')}) d on true
    left join lateral (${account(s, 'credit')}) c on true
    left join lateral (select * from ${s}.hold h
      where h.id = case when t.kind = 'tombstone' then t.id else t.hold_id end limit 1) h on true
    left join lateral (select * from ${s}.transfer o where o.id = t.reverses_id limit 1) o on true
    left join lateral (select true as known from ${s}.reversal_total r
      where r.transfer_id = t.reverses_id limit 1) r on true
    left join lateral (select true as known from ${s}.journal j
      where j.id = t.journal_id limit 1) j on true`

const account = (s: string, side: 'debit' | 'credit'): string => `
      select true as known from ${s}.account a
      where a.id = t.${side}_id and a.part_of is null and (a.shards > 0) = (t.${side}_shard > 0)
        and (t.${side}_shard = 0 or exists (select from ${s}.account p
          where p.part_of = t.${side}_id and p.shard = t.${side}_shard))
      limit 1`

const missing = (
  finding: string,
  subject: string,
  field: string,
  expected: string,
  from: string,
): Check => ({ finding, subject, field: `'${field}'`, expected, actual: 'null', from })

const checks = (s: string): readonly Check[] => [
  ...['debit', 'credit'].map((side) =>
    missing(
      'account_missing',
      'id',
      `${side}_id`,
      `${side}_id || case when ${side}_shard > 0 then ' part ' || ${side}_shard else '' end`,
      `money where ${side}_known is null`,
    ),
  ),
  missing(
    'hold_missing',
    'id',
    'hold_id',
    'hold_id',
    'money where hold_id is not null and h_tombstone is distinct from false',
  ),
  // The tombstone of an id that was released before it was used is in both tables or in none.
  missing(
    'hold_missing',
    'id',
    'tombstone',
    'id',
    `batch where kind = 'tombstone' and h_tombstone is distinct from true`,
  ),
  differs('hold_capture_mismatch', 'debit_id', 'h_debit_id'),
  differs('hold_capture_mismatch', 'credit_id', 'h_credit_id'),
  differs('hold_capture_mismatch', 'currency', 'h_currency'),
  missing(
    'reversal_mismatch',
    'id',
    'reverses_id',
    'reverses_id',
    `money where reverses_id is not null and (o_kind in ('transfer', 'capture')) is not true`,
  ),
  differs('reversal_mismatch', 'debit_id', 'o_credit_id'),
  differs('reversal_mismatch', 'credit_id', 'o_debit_id'),
  differs('reversal_mismatch', 'currency', 'o_currency'),
  missing(
    'reversal_mismatch',
    'reverses_id',
    'reversal_total',
    'amount_minor',
    'money where reverses_id is not null and total_known is null',
  ),
  missing(
    'journal_mismatch',
    'id',
    'journal_id',
    'journal_id',
    'money where journal_id is not null and journal_known is null',
  ),
  {
    finding: 'sealed_period_breached',
    subject: 't.id',
    field: `'effective_at'`,
    expected: `'not before ' || p.until || ', sealed at ' || p.sealed_at`,
    actual: `coalesce(t.effective_at, t.created_at) || ', recorded at ' || t.created_at`,
    from: `money t cross join lateral (select * from ${s}.sealed_period p
        where p.until > coalesce(t.effective_at, t.created_at) and p.sealed_at < t.created_at
        order by p.until limit 1) p`,
  },
]

const differs = (finding: string, column: string, other: string): Check => ({
  finding,
  subject: 'id',
  field: `'${column}'`,
  expected: other,
  actual: column,
  from: `money where ${column} <> ${other}`,
})
