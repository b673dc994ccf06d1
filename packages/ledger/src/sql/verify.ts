import { definer } from './definer.ts'

/**
 * Recomputes the ledger from its journal and holds, and names every number that does not agree.
 * One statement, one snapshot, no lock.
 */
export const verifyFunction = (s: string): string => `
create or replace function ${s}.verify(p_findings_max integer)
returns json language sql stable ${definer} as $fn$
  with side as (
    select debit_id as account_id, debit_seq as seq, amount_minor as debit, 0::bigint as credit,
      debit_balance_minor as balance, id, currency
    from ${s}.transfer where kind <> 'tombstone'
    union all
    select credit_id, credit_seq, 0, amount_minor, credit_balance_minor, id, currency
    from ${s}.transfer where kind <> 'tombstone'),
  journal as (
    select account_id, sum(debit) as debits, sum(credit) as credits, count(*) as rows,
      count(distinct seq) as places, max(seq) as last
    from side group by account_id),
  running as (
    select side.*, a.currency as account_currency, sum(case when a.debit_normal
        then debit - credit else credit - debit end)
      over (partition by side.account_id order by side.seq, side.id) as expected
    from side left join ${s}.account a on a.id = side.account_id),
  captured as (
    select hold_id, sum(amount_minor) as amount from ${s}.transfer
    where hold_id is not null group by hold_id),
  reserved as (
    select account_id, sum(debit) as debits, sum(credit) as credits from (
      select debit_id as account_id, amount_minor - captured_minor as debit, 0::bigint as credit
      from ${s}.hold where state = 'open'
      union all
      select credit_id, 0, amount_minor - captured_minor from ${s}.hold where state = 'open') h
    group by account_id),
  counted as (
    select a.*, coalesce(j.debits, 0) as debits, coalesce(j.credits, 0) as credits,
      coalesce(j.rows, 0) as rows, coalesce(j.places, 0) as places, coalesce(j.last, 0) as last,
      coalesce(r.debits, 0) as reserved_debits, coalesce(r.credits, 0) as reserved_credits
    from ${s}.account a
    left join journal j on j.account_id = a.id
    left join reserved r on r.account_id = a.id),
  finding (finding, subject, field, expected, actual) as (
    ${findings(s)})
  select json_build_object(
    'findings', (select coalesce(json_agg(f), '[]') from (
      select * from finding order by finding, subject, field limit p_findings_max) f),
    'accounts', (select count(*)::text from ${s}.account),
    'transfers', (select count(*)::text from ${s}.transfer where kind <> 'tombstone'),
    'holds', (select count(*)::text from ${s}.hold where not tombstone))
$fn$`

interface Check {
  readonly finding: string
  readonly subject: string
  readonly field: string
  readonly expected: string
  readonly actual: string
  readonly from: string
}

const findings = (s: string): string =>
  [...journalChecks, ...accountChecks(s), ...holdChecks(s)]
    .map(
      (c) => `select '${c.finding}', ${c.subject}::text, ${c.field},
      (${c.expected})::text, (${c.actual})::text
      from ${c.from}`,
    )
    .join('\n    union all ')

const journalChecks: readonly Check[] = [
  {
    finding: 'account_missing',
    subject: 'id',
    field: `'account_id'`,
    expected: 'account_id',
    actual: 'null',
    from: 'running where account_currency is null',
  },
  {
    finding: 'currency_mismatch',
    subject: 'id',
    field: `'currency'`,
    expected: 'account_currency',
    actual: 'currency',
    from: 'running where account_currency <> currency',
  },
  {
    finding: 'running_balance_mismatch',
    subject: 'id',
    field: `account_id || ' #' || seq`,
    expected: 'expected',
    actual: 'balance',
    from: 'running where expected <> balance',
  },
]

const counterCheck = (finding: string, counter: string, recomputed: string): Check => ({
  finding,
  subject: 'id',
  field: `'${counter}'`,
  expected: recomputed,
  actual: counter,
  from: `counted where ${recomputed} <> ${counter}`,
})

const accountChecks = (s: string): readonly Check[] => [
  counterCheck('balance_mismatch', 'posted_debits_minor', 'debits'),
  counterCheck('balance_mismatch', 'posted_credits_minor', 'credits'),
  counterCheck('hold_leak', 'pending_debits_minor', 'reserved_debits'),
  counterCheck('hold_leak', 'pending_credits_minor', 'reserved_credits'),
  {
    finding: 'sequence_gap',
    subject: 'id',
    field: `'seq'`,
    expected: 'seq',
    actual: `rows || ' rows in ' || places || ' places up to ' || last`,
    from: 'counted where seq <> rows or seq <> places or seq <> last',
  },
  {
    finding: 'currency_unbalanced',
    subject: 'currency',
    field: `'posted_minor'`,
    expected: 'sum(posted_debits_minor)',
    actual: 'sum(posted_credits_minor)',
    from: `${s}.account group by currency
      having sum(posted_debits_minor) <> sum(posted_credits_minor)`,
  },
]

const holdChecks = (s: string): readonly Check[] => [
  {
    finding: 'hold_capture_mismatch',
    subject: 'h.id',
    field: `'captured_minor'`,
    expected: 'coalesce(c.amount, 0)',
    actual: 'h.captured_minor',
    from: `${s}.hold h left join captured c on c.hold_id = h.id
      where coalesce(c.amount, 0) <> h.captured_minor`,
  },
  {
    finding: 'hold_missing',
    subject: 'c.hold_id',
    field: `'hold_id'`,
    expected: 'c.hold_id',
    actual: 'null',
    from: `captured c where not exists (select from ${s}.hold h where h.id = c.hold_id)`,
  },
]
