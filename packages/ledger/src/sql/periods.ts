import { definer } from './definer.ts'
import { sealBookFunction } from './seal-book.ts'

/** Functions of sealed periods, each before its first user. */
export const periods = (s: string): readonly string[] => [
  periodJson(s),
  movedWithin(s),
  sealBookFunction(s),
  sealTotals(s),
  listPeriods(s),
  movedWithinJson(s),
]

const periodJson = (s: string): string => `
create or replace function ${s}.period_json(p ${s}.sealed_period) returns json
language sql stable as $fn$
  select json_build_object('until', p.until, 'sealedAt', p.sealed_at, 'totals', p.totals)
$fn$`

// What was posted as effective from p_from on and before p_until, by currency and kind of account.
// The two halves have an index each: nearly all rows are effective when they are recorded.
const movedWithin = (s: string): string => `
create or replace function ${s}.moved_within(p_from timestamptz, p_until timestamptz)
returns table (currency text, kind text, debits numeric, credits numeric)
language sql stable as $fn$
  select t.currency, a.kind, sum(side.debit), sum(side.credit)
  from (
    select currency, debit_id, credit_id, amount_minor from ${s}.transfer
    where debit_seq is not null and effective_at is null
      and created_at >= p_from and created_at < p_until
    union all
    select currency, debit_id, credit_id, amount_minor from ${s}.transfer
    where debit_seq is not null and effective_at >= p_from and effective_at < p_until) t
  cross join lateral (values (t.debit_id, t.amount_minor, 0::bigint),
    (t.credit_id, 0::bigint, t.amount_minor)) side (account_id, debit, credit)
  join ${s}.account a on a.id = side.account_id
  group by t.currency, a.kind
$fn$`

/**
 * Totals of all that is effective before `p_until`: those of the period before, which can change no
 * more, and what was moved since. Needs no lock: `seal_book` has committed, so nothing more can come
 * before `p_until`. Reads the rows of the period once, in one snapshot.
 */
const sealTotals = (s: string): string => `
create or replace function ${s}.seal_totals(p_until timestamptz) returns json
language plpgsql volatile ${definer} as $fn$
declare
  v_before ${s}.sealed_period;
  v_period ${s}.sealed_period;
begin
  select * into v_before from ${s}.sealed_period where until < p_until order by until desc limit 1;
  insert into ${s}.sealed_period (until, totals, sealed_at)
  select p_until, coalesce(jsonb_agg(jsonb_build_object('currency', t.currency, 'kind', t.kind,
      'postedDebitsMinor', t.debits::text, 'postedCreditsMinor', t.credits::text)
      order by t.currency collate "C", t.kind collate "C"), '[]'),
    (select sealed_at from ${s}.book where sealed_until >= p_until)
  from (
    select currency, kind, sum(debits) as debits, sum(credits) as credits from (
      select "currency", "kind", "postedDebitsMinor" as debits, "postedCreditsMinor" as credits
      from jsonb_to_recordset(v_before.totals) as b ("currency" text, "kind" text,
        "postedDebitsMinor" numeric, "postedCreditsMinor" numeric)
      union all
      select * from ${s}.moved_within(coalesce(v_before.until, '-infinity'), p_until)) lines
    group by currency, kind) t
  on conflict (until) do nothing
  returning * into v_period;
  if found then
    return json_build_object('outcome', 'sealed', 'period', ${s}.period_json(v_period));
  end if;
  select * into strict v_period from ${s}.sealed_period where until = p_until;
  return json_build_object('outcome', 'replayed', 'period', ${s}.period_json(v_period));
end
$fn$`

const listPeriods = (s: string): string => `
create or replace function ${s}.list_sealed_periods(p_after timestamptz, p_limit integer)
returns json language sql stable ${definer} as $fn$
  select coalesce(json_agg(${s}.period_json(p) order by p.until), '[]') from (
    select * from ${s}.sealed_period where p_after is null or until > p_after
    order by until limit p_limit) p
$fn$`

const movedWithinJson = (s: string): string => `
create or replace function ${s}.period_movements(p_from timestamptz, p_until timestamptz)
returns json language sql stable ${definer} as $fn$
  select coalesce(json_agg(json_build_object('currency', currency, 'kind', kind,
    'postedDebitsMinor', debits::text, 'postedCreditsMinor', credits::text)), '[]')
  from ${s}.moved_within(coalesce(p_from, '-infinity'), p_until)
$fn$`
