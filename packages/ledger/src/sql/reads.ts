import { definer } from './definer.ts'

/**
 * Reads. Each is one STABLE function, hence one snapshot, and takes no lock: a report never makes a
 * payment wait. Those that are asked for all the time are in plpgsql, which keeps the plan: PostgreSQL
 * before 18 plans the body of a function in SQL at every call, which took ten times as long as the
 * look itself (550 µs of 610 for a hold).
 */
export function reads(s: string): readonly string[] {
  return [getAccount(s), lookup(s), balance(s), entries(s), trialBalance(s)]
}

const getAccount = (s: string): string => `
create or replace function ${s}.get_account(p_id uuid) returns json
language plpgsql stable ${definer} as $fn$
begin
  return (select ${s}.account_json(a) from ${s}.account a where a.id = p_id and a.shard = 0);
end
$fn$`

// A hold comes first: the capture of a whole hold has the hold's id.
const lookup = (s: string): string => `
create or replace function ${s}.lookup(p_id uuid) returns json
language plpgsql stable ${definer} as $fn$
begin
  return coalesce(
    (select case when h.tombstone
        then json_build_object('kind', 'tombstone', 'id', h.id, 'releasedAt', h.settled_at)
        else json_build_object('kind', 'hold', 'hold', ${s}.hold_json(h, clock_timestamp()),
          'captures', (select coalesce(json_agg(${s}.transfer_json(t) order by t.debit_seq), '[]')
            from ${s}.transfer t where t.hold_id = h.id),
          'reversedMinor', (select coalesce(sum(r.reversed_minor), 0)::text
            from ${s}.transfer t join ${s}.reversal_total r on r.transfer_id = t.id
            where t.hold_id = h.id)) end
      from ${s}.hold h where h.id = p_id),
    (select case when t.kind = 'rejection'
        then json_build_object('kind', 'rejection', 'rejection', ${s}.transfer_json(t))
        else json_build_object('kind', 'transfer', 'transfer', ${s}.transfer_json(t),
          'reversedMinor', coalesce(r.reversed_minor, 0)::text) end
      from ${s}.transfer t left join ${s}.reversal_total r on r.transfer_id = t.id
      where t.id = p_id),
    (select json_build_object('kind', 'journal', 'journal', ${s}.journal_json(j))
      from ${s}.journal j where j.id = p_id));
end
$fn$`

// The clock is the later of the server's and the account's horizon, as it is for the decisions. The
// row of a sharded account has no money of its own: adding it to the parts changes nothing.
const balance = (s: string): string => `
create or replace function ${s}.balance(p_id uuid) returns json
language plpgsql stable ${definer} as $fn$
begin
  return (select json_build_object('accountId', a.id, 'currency', a.currency, 'exponent', c.exponent,
    'kind', a.kind, 'normalSide', case when a.debit_normal then 'debit' else 'credit' end,
    'postedDebitsMinor', r.posted_debits::text, 'postedCreditsMinor', r.posted_credits::text,
    'pendingDebitsMinor', p.debits::text, 'pendingCreditsMinor', p.credits::text,
    'balanceMinor', b.balance::text,
    'availableMinor', (b.balance - case when a.debit_normal then p.credits else p.debits end)::text,
    'floorMinor', a.floor_minor::text, 'ceilingMinor', a.ceiling_minor::text, 'seq', r.seq::text)
  from ${s}.account a
  join ${s}.currency c on c.code = a.currency
  cross join lateral (select sum(posted_debits_minor) as posted_debits,
      sum(posted_credits_minor) as posted_credits, sum(pending_debits_minor) as pending_debits,
      sum(pending_credits_minor) as pending_credits, sum(seq) as seq,
      greatest(clock_timestamp(), max(expiry_horizon)) as now
    from (select a.* union all select part.* from ${s}.account part
      where a.shards > 0 and part.part_of = a.id) rows) r
  cross join lateral (select
    r.pending_debits - ${s}.expired_minor(a.id, true, r.now) as debits,
    r.pending_credits - ${s}.expired_minor(a.id, false, r.now) as credits) p
  cross join lateral (select case when a.debit_normal then r.posted_debits - r.posted_credits
    else r.posted_credits - r.posted_debits end as balance) b
  where a.id = p_id and a.shard = 0);
end
$fn$`

const entries = (s: string): string => `
create or replace function ${s}.entries(
  p_account_id uuid, p_after bigint, p_limit integer, p_newest_first boolean
) returns json language sql stable ${definer} as $fn$
  select ${s}.lines(p_account_id, null, null, p_after, p_limit, p_newest_first) -> 'lines'
$fn$`

const trialBalance = (s: string): string => `
create or replace function ${s}.trial_balance() returns json
language sql stable ${definer} as $fn$
  with line as (
    select currency, kind, count(*) filter (where shard = 0) as accounts,
      sum(posted_debits_minor) as debits, sum(posted_credits_minor) as credits
    from ${s}.account group by currency, kind),
  total as (
    select currency, sum(debits) as debits, sum(credits) as credits from line group by currency)
  select json_build_object(
    'balanced', (select coalesce(bool_and(debits = credits), true) from total),
    'totals', (select coalesce(json_agg(json_build_object('currency', currency,
        'postedDebitsMinor', debits::text, 'postedCreditsMinor', credits::text,
        'differenceMinor', (debits - credits)::text) order by currency), '[]') from total),
    'lines', (select coalesce(json_agg(json_build_object('currency', currency, 'kind', kind,
        'accounts', accounts::text, 'postedDebitsMinor', debits::text,
        'postedCreditsMinor', credits::text) order by currency, kind), '[]') from line))
$fn$`
