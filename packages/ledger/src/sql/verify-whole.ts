import { type Check, findings, listed, verifier } from './findings.ts'
import { guardsMade } from './guards.ts'

/**
 * Checks what only the whole ledger can show, in one snapshot: the trial balance, parts without an
 * account, the seal of the book, and the guards. Reads all account rows and no journal row.
 */
export const verifyWholeFunction = (s: string): string => `
create or replace function ${s}.verify_whole(
  p_cursor jsonb, p_rows integer, p_findings_max integer
) returns json language plpgsql stable ${verifier} as $fn$
begin
  return (with
  total as materialized (
    select currency, sum(posted_debits_minor) as posted_debits,
      sum(posted_credits_minor) as posted_credits, sum(pending_debits_minor) as pending_debits,
      sum(pending_credits_minor) as pending_credits
    from ${s}.account group by currency),
  finding as (
    ${findings(checks(s))})
  select json_build_object(${listed}));
end
$fn$`

const balanced = (counter: string): Check => ({
  finding: 'currency_unbalanced',
  subject: 'currency',
  field: `'${counter}_minor'`,
  expected: `${counter}_debits`,
  actual: `${counter}_credits`,
  from: `total where ${counter}_debits <> ${counter}_credits`,
})

const checks = (s: string): readonly Check[] => [
  balanced('posted'),
  balanced('pending'),
  {
    finding: 'part_mismatch',
    subject: 'p.part_of',
    field: `'part ' || p.shard`,
    expected: 'p.part_of',
    actual: 'null',
    from: `${s}.account p where p.part_of is not null and not exists (
        select from ${s}.account h where h.id = p.part_of and h.part_of is null)`,
  },
  {
    finding: 'sealed_period_breached',
    subject: `'book'`,
    field: `'sealed_until'`,
    expected: `'not before ' || p.until`,
    actual: 'b.until',
    from: `(select coalesce(max(until), '-infinity') as until from ${s}.sealed_period) p
      cross join (select max(sealed_until) as until from ${s}.book) b
      where (b.until >= p.until) is not true`,
  },
  {
    finding: 'guard_missing',
    subject: 'made.guard',
    field: `'guard'`,
    expected: `'in force'`,
    actual: `'absent, changed or switched off'`,
    from: `(select unnest(array[${guardsMade(s)
      .map((guard) => `'${guard}'`)
      .join(', ')}]) as guard
      except select ${s}.present_guards()) made`,
  },
]
