import { definer } from './definer.ts'

/**
 * Reads. Each is one STABLE function, hence one snapshot, and takes no lock: a report never makes a
 * payment wait.
 */
export function reads(s: string): readonly string[] {
  return [getAccount(s), lookup(s), balance(s), entries(s), trialBalance(s)]
}

const getAccount = (s: string): string => `
create or replace function ${s}.get_account(p_id uuid) returns json
language sql stable ${definer} as $fn$
  select ${s}.account_json(a) from ${s}.account a where a.id = p_id
$fn$`

// A hold comes first: the capture of a whole hold has the hold's id.
const lookup = (s: string): string => `
create or replace function ${s}.lookup(p_id uuid) returns json
language sql stable ${definer} as $fn$
  select coalesce(
    (select case when h.tombstone
        then json_build_object('kind', 'tombstone', 'id', h.id, 'releasedAt', h.settled_at)
        else json_build_object('kind', 'hold', 'hold', ${s}.hold_json(h, clock_timestamp()),
          'captures', (select coalesce(json_agg(${s}.transfer_json(t) order by t.debit_seq), '[]')
            from ${s}.transfer t where t.hold_id = h.id),
          'reversedMinor', (select coalesce(sum(r.reversed_minor), 0)::text
            from ${s}.transfer t join ${s}.reversal_total r on r.transfer_id = t.id
            where t.hold_id = h.id)) end
      from ${s}.hold h where h.id = p_id),
    (select json_build_object('kind', 'transfer', 'transfer', ${s}.transfer_json(t),
        'reversedMinor', coalesce(r.reversed_minor, 0)::text)
      from ${s}.transfer t left join ${s}.reversal_total r on r.transfer_id = t.id
      where t.id = p_id))
$fn$`

// The clock is the later of the server's and the account's horizon, as it is for the decisions.
const balance = (s: string): string => `
create or replace function ${s}.balance(p_id uuid) returns json
language sql stable ${definer} as $fn$
  select json_build_object('accountId', a.id, 'currency', a.currency, 'exponent', c.exponent,
    'kind', a.kind, 'normalSide', case when a.debit_normal then 'debit' else 'credit' end,
    'postedDebitsMinor', a.posted_debits_minor::text,
    'postedCreditsMinor', a.posted_credits_minor::text,
    'pendingDebitsMinor', p.debits::text, 'pendingCreditsMinor', p.credits::text,
    'balanceMinor', b.balance::text,
    'availableMinor', (b.balance - case when a.debit_normal then p.credits else p.debits end)::text,
    'floorMinor', a.floor_minor::text, 'ceilingMinor', a.ceiling_minor::text, 'seq', a.seq::text)
  from ${s}.account a
  join ${s}.currency c on c.code = a.currency
  cross join lateral (select greatest(clock_timestamp(), a.expiry_horizon) as now) t
  cross join lateral (select
    a.pending_debits_minor - ${s}.expired_minor(a.id, true, t.now) as debits,
    a.pending_credits_minor - ${s}.expired_minor(a.id, false, t.now) as credits) p
  cross join lateral (select case when a.debit_normal
    then a.posted_debits_minor - a.posted_credits_minor
    else a.posted_credits_minor - a.posted_debits_minor end as balance) b
  where a.id = p_id
$fn$`

const entryColumns = (side: 'debit' | 'credit', other: 'debit' | 'credit'): string =>
  `t.${side}_seq as seq, '${side}' as side, t.amount_minor,
        t.${side}_balance_minor as balance_minor, t.${other}_id as counterpart_id,
        t.id, t.kind, t.hold_id, t.currency, t.code, t.metadata,
        t.created_at`

const entryPage = (s: string, side: 'debit' | 'credit', newest: boolean): string => {
  const other = side === 'debit' ? 'credit' : 'debit'
  return `(select ${entryColumns(side, other)}
      from ${s}.transfer t
      where t.${side}_id = p_account_id
        and (p_after is null or t.${side}_seq ${newest ? '<' : '>'} p_after)
      order by t.${side}_seq ${newest ? 'desc' : 'asc'} limit p_limit)`
}

const entryRows = (s: string, newest: boolean): string => `
  select coalesce(json_agg(json_build_object('seq', e.seq::text, 'side', e.side,
    'amountMinor', e.amount_minor::text, 'balanceMinor', e.balance_minor::text,
    'counterpartAccountId', e.counterpart_id, 'transferId', e.id, 'kind', e.kind,
    'holdId', e.hold_id, 'currency', e.currency, 'code', e.code, 'metadata', e.metadata,
    'createdAt', e.created_at) order by e.seq ${newest ? 'desc' : 'asc'}), '[]') as page
  from (select * from (
      ${entryPage(s, 'debit', newest)}
      union all
      ${entryPage(s, 'credit', newest)}) sides
    order by seq ${newest ? 'desc' : 'asc'} limit p_limit) e`

// Two index ranges of at most p_limit rows each, merged: the cost of a page does not grow with the
// journal.
const entries = (s: string): string => `
create or replace function ${s}.entries(
  p_account_id uuid, p_after bigint, p_limit integer, p_newest_first boolean
) returns json language plpgsql stable ${definer} as $fn$
begin
  if p_newest_first then
    return (${entryRows(s, true)});
  end if;
  return (${entryRows(s, false)});
end
$fn$`

const trialBalance = (s: string): string => `
create or replace function ${s}.trial_balance() returns json
language sql stable ${definer} as $fn$
  with line as (
    select currency, kind, count(*) as accounts,
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
