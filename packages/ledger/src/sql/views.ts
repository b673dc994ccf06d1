/**
 * The views: what SQL may rely on, for reports, joins and other languages. Tables may change with
 * a release; these only gain columns at their end.
 *
 * They show money and nothing of how it is kept: no tombstones, no remembered rejections, no parts
 * of sharded accounts. A view reads its tables as its owner, so SELECT on the view is the only right
 * that a reader needs; and it calls no function of ours, which would run as whoever asks.
 */
export const views = (s: string): readonly string[] => [
  accounts(s),
  transfers(s),
  holds(s),
  entries(s),
  balances(s),
]

const NORMAL_SIDE = `case when a.debit_normal then 'debit' else 'credit' end`

const accounts = (s: string): string => `
create or replace view ${s}.accounts as
select a.id, a.currency, c.exponent, a.kind, ${NORMAL_SIDE} as normal_side,
  a.floor_minor, a.ceiling_minor,
  case when a.shards = 0 then 'exact' else 'sharded:' || a.shards end as hot,
  a.debits_blocked, a.credits_blocked, a.closed_at, a.metadata, a.created_at
from ${s}.account a
join ${s}.currency c on c.code = a.currency
where a.part_of is null`

// With part 0 of an exact account, (debit_account_id, debit_shard, debit_seq) and its like on the
// credit side are unique, and the order in which the account saw its rows.
const transfers = (s: string): string => `
create or replace view ${s}.transfers as
select t.id, t.kind, t.debit_id as debit_account_id, t.credit_id as credit_account_id,
  t.amount_minor, t.currency, t.code, t.metadata, t.hold_id, t.reverses_id, t.journal_id, t.leg,
  t.debit_shard, t.debit_seq, t.credit_shard, t.credit_seq,
  coalesce(t.effective_at, t.created_at) as effective_at, t.created_at
from ${s}.transfer t
where t.kind not in ('tombstone', 'rejection')`

// A hold past its time is shown as expired whether or not anything has settled it.
const holds = (s: string): string => `
create or replace view ${s}.holds as
select h.id, case when h.state = 'open' and h.expires_at <= clock_timestamp() then 'expired'
    else h.state end as state,
  h.debit_id as debit_account_id, h.credit_id as credit_account_id, h.amount_minor,
  h.captured_minor,
  case when h.state = 'open' and (h.expires_at is null or h.expires_at > clock_timestamp())
    then h.amount_minor - h.captured_minor else 0 end as remaining_minor,
  h.currency, h.code, h.metadata, h.expires_at, h.created_at, h.settled_at
from ${s}.hold h
where not h.tombstone`

// Two rows a transfer. For a page ask for one account and part, ordered by seq: an index gives it.
const entries = (s: string): string => `
create or replace view ${s}.entries as
${entryOf(s, 'debit', 'credit')}
union all
${entryOf(s, 'credit', 'debit')}`

const entryOf = (s: string, side: 'debit' | 'credit', other: 'debit' | 'credit'): string => `
select t.${side}_id as account_id, t.${side}_shard as shard, t.${side}_seq as seq,
  '${side}' as side, t.amount_minor, t.id as transfer_id, t.kind,
  t.${other}_id as counterpart_account_id, t.currency, t.code, t.metadata, t.hold_id,
  t.reverses_id, t.journal_id,
  -- Of a sharded account a row knows only what its part held.
  case when t.${side}_shard = 0 then t.${side}_balance_minor end as balance_minor,
  coalesce(t.effective_at, t.created_at) as effective_at, t.created_at
from ${s}.transfer t
where t.kind not in ('tombstone', 'rejection')`

// The same numbers as \`balance\` answers. The clock is the later of the server's and the horizon of
// the account or part that a hold is on, as it is for the decisions.
const balances = (s: string): string => `
create or replace view ${s}.balances as
select a.id as account_id, a.currency, c.exponent, a.kind, ${NORMAL_SIDE} as normal_side,
  r.posted_debits as posted_debits_minor, r.posted_credits as posted_credits_minor,
  p.debits as pending_debits_minor, p.credits as pending_credits_minor,
  b.balance as balance_minor,
  b.balance - case when a.debit_normal then p.credits else p.debits end as available_minor,
  a.floor_minor, a.ceiling_minor, r.seq
from ${s}.account a
join ${s}.currency c on c.code = a.currency
cross join lateral (
  select sum(m.posted_debits_minor) as posted_debits, sum(m.posted_credits_minor) as posted_credits,
    sum(m.pending_debits_minor) as pending_debits, sum(m.pending_credits_minor) as pending_credits,
    sum(m.seq) as seq, greatest(clock_timestamp(), max(m.expiry_horizon)) as now
  from (
    select a.posted_debits_minor, a.posted_credits_minor, a.pending_debits_minor,
      a.pending_credits_minor, a.seq, a.expiry_horizon
    union all
    select m.posted_debits_minor, m.posted_credits_minor, m.pending_debits_minor,
      m.pending_credits_minor, m.seq, m.expiry_horizon
    from ${s}.account m where a.shards > 0 and m.part_of = a.id) m) r
cross join lateral (select
  r.pending_debits - coalesce((select sum(h.amount_minor - h.captured_minor) from ${s}.hold h
    where h.debit_id = a.id and h.state = 'open' and h.expires_at <= r.now), 0) as debits,
  r.pending_credits - coalesce((select sum(h.amount_minor - h.captured_minor) from ${s}.hold h
    where h.credit_id = a.id and h.state = 'open' and h.expires_at <= r.now), 0) as credits) p
cross join lateral (select case when a.debit_normal then r.posted_debits - r.posted_credits
  else r.posted_credits - r.posted_debits end as balance) b
where a.part_of is null`
