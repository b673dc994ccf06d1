import { type Check, findings, listed, verifier } from './findings.ts'
import { payloadOf } from './payload.ts'

/**
 * Checks a batch of accounts against their journal rows: about `p_rows` of them, in one snapshot.
 * No lock: an account row changes together with its journal rows, so each snapshot that shows one
 * shows the others.
 *
 * A chain is an account, or one part of a sharded account, with the rows that name it. Each row is
 * compared with the one before it, as that one is stored, so that a finding points at the row that
 * was touched and not at all rows after it. A chain longer than a batch is read in pieces: the
 * cursor carries the sums and the last row of the piece, and nothing of the database is held open
 * meanwhile. What can change behind the cursor (counters, open holds) is compared only in the batch
 * that ends the chain.
 */
export const verifyAccountsFunction = (s: string): string => `
create or replace function ${s}.verify_accounts(
  p_cursor jsonb, p_rows integer, p_findings_max integer
) returns json language plpgsql stable ${verifier} as $fn$
declare
  v_account uuid := coalesce(p_cursor ->> 'account', '00000000-0000-0000-0000-000000000000');
  v_shard smallint := coalesce(p_cursor ->> 'shard', '0');
  v_chains_max integer := p_rows / 8 + 1;
begin
  return (with
  considered as (${considered(s)}),
  chain as materialized (
    select *, least(greatest(seq - from_seq, 0), p_rows) + 1 as take
    from considered where weight <= p_rows or no = 1),
  line as materialized (${line(s)}),
  tally as (
    select c.*, coalesce(r.n, 0) as rows, coalesce(r.seq, c.from_seq) as last_seq,
      coalesce(r.balance, c.from_balance) as last_balance, coalesce(r.hash, c.from_hash) as last_hash,
      coalesce(r.created_at, c.from_at) as last_at, coalesce(r.debits, c.from_debits) as debits,
      coalesce(r.credits, c.from_credits) as credits
    from chain c
    left join line r on r.account_id = c.account_id and r.shard = c.shard and r.last),
  -- The chain that has more rows than this batch took. What comes after it waits.
  cut as (select * from tally where rows = take order by account_id, shard limit 1),
  sides as (select r.* from line r where not exists (
    select from cut where (r.account_id, r.shard) > (cut.account_id, cut.shard))),
  ended as materialized (select t.* from tally t where not exists (
    select from cut where (t.account_id, t.shard) >= (cut.account_id, cut.shard))),
  reserved as (${reserved(s)}),
  decided as materialized (${decided(s)}),
  finding as (
    ${findings([...rowChecks, ...chainChecks, ...stateChecks(s)])})
  select json_build_object(${listed},
    'accounts', (select count(*)::text from ended where shard = 0),
    'next', case
      when exists (select from cut) then (select json_build_object('account', account_id,
        'shard', shard, 'seq', last_seq::text, 'balance', last_balance::text,
        'debits', debits::text, 'credits', credits::text, 'hash', encode(last_hash, 'hex'),
        'at', to_char(last_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) from cut)
      when (select count(*) from considered) = (select count(*) from chain)
        and (select count(*) from chain) < v_chains_max then null
      else (select json_build_object('account', account_id, 'shard', shard + 1) from chain
        order by account_id desc, shard desc limit 1) end));
end
$fn$`

/** The next chains in order, each with what is carried over from the batch before. */
const considered = (s: string): string => `
    select c.*, row_number() over w as no,
      sum(least(greatest(c.seq - c.from_seq, 0), p_rows) + 8) over w as weight,
      case when c.shard > 0 then ' of part ' || c.shard else '' end as part
    from (
      select h.id as account_id, r.shard, r.currency, r.kind, r.debit_normal, r.limited, r.seq,
        r.head, r.recorded_at, r.posted_debits_minor, r.posted_credits_minor,
        r.pending_debits_minor, r.pending_credits_minor, r.floor_minor, r.ceiling_minor,
        r.debits_blocked, r.credits_blocked, r.closed_at, h.shards, h.currency as head_currency,
        h.kind as head_kind, h.debits_blocked as head_debits_blocked,
        h.credits_blocked as head_credits_blocked, num_nonnulls(h.floor_minor, h.ceiling_minor) > 0 as head_limited,
        coalesce(f.seq, 0) as from_seq, coalesce(f.balance, 0) as from_balance,
        coalesce(f.debits, 0) as from_debits, coalesce(f.credits, 0) as from_credits,
        coalesce(f.hash, '') as from_hash, f.at as from_at
      from ${s}.account h
      cross join lateral (
        select h.* union all
        select p.* from ${s}.account p where h.shards > 0 and p.part_of = h.id) r
      left join lateral (select (p_cursor ->> 'seq')::bigint as seq,
          (p_cursor ->> 'balance')::bigint as balance, (p_cursor ->> 'debits')::numeric as debits,
          (p_cursor ->> 'credits')::numeric as credits, decode(p_cursor ->> 'hash', 'hex') as hash,
          (p_cursor ->> 'at')::timestamptz as at) f
        on h.id = v_account and r.shard = v_shard
      where h.part_of is null and h.id >= v_account and (h.id > v_account or r.shard >= v_shard)
      order by h.id, r.shard limit v_chains_max) c
    window w as (order by c.account_id, c.shard)`

/** Every journal row of the batch as one side of it, beside the row before it. */
const line = (s: string): string => `
    select c.account_id, c.shard, c.part, c.currency as account_currency, j.id, j.side, j.seq,
      j.balance, j.hash, j.currency, j.created_at,
      lag(j.seq, 1, c.from_seq) over w + 1 = j.seq as follows,
      lag(j.seq, 1, c.from_seq) over w + 1 as expected_seq,
      lag(j.balance, 1, c.from_balance) over w::numeric
        + case when c.debit_normal then j.debit - j.credit else j.credit - j.debit end
        as expected_balance,
      sha256(lag(j.hash, 1, c.from_hash) over w || j.payload) as expected_hash,
      lag(j.created_at, 1, c.from_at) over w as not_before,
      row_number() over w as n, lead(j.seq) over w is null as last,
      c.from_debits + sum(j.debit) over w as debits, c.from_credits + sum(j.credit) over w as credits
    from chain c
    cross join lateral (
      select * from (
        (${side(s, 'debit')})
        union all
        (${side(s, 'credit')})) both_sides
      order by seq limit c.take) j
    window w as (partition by c.account_id, c.shard order by j.seq, j.side rows unbounded preceding)`

// Two index ranges in the order of the sequence, merged.
const side = (s: string, name: 'debit' | 'credit'): string => `
          select t.id, '${name}' as side, t.${name}_seq as seq, t.${name}_balance_minor as balance,
            t.${name}_hash as hash, t.currency, t.created_at,
            ${name === 'debit' ? 't.amount_minor' : '0::bigint'} as debit,
            ${name === 'credit' ? 't.amount_minor' : '0::bigint'} as credit,
            ${payloadOf('t')} as payload
          from ${s}.transfer t
          where t.${name}_id = c.account_id and t.${name}_shard = c.shard
            and t.${name}_seq > c.from_seq
          order by t.${name}_seq limit c.take`

/** What open holds reserve on each chain that ends here; each account's holds are read once. */
const reserved = (s: string): string => `
    select a.account_id, h.shard, sum(h.debit) as debits, sum(h.credit) as credits
    from (select distinct account_id from ended) a
    cross join lateral (
      select debit_shard as shard, amount_minor - captured_minor as debit, 0::bigint as credit
      from ${s}.hold where debit_id = a.account_id and state = 'open'
      union all
      select credit_shard, 0, amount_minor - captured_minor
      from ${s}.hold where credit_id = a.account_id and state = 'open') h
    group by a.account_id, h.shard`

// A row after a gap has no neighbour to be compared with.
const rowChecks: readonly Check[] = [
  {
    finding: 'sequence_gap',
    subject: 'account_id',
    field: `'seq' || part`,
    expected: 'expected_seq',
    actual: 'seq',
    from: 'sides where not follows',
  },
  {
    finding: 'running_balance_mismatch',
    subject: 'id',
    field: `side || '_balance_minor'`,
    expected: 'expected_balance',
    actual: 'balance',
    from: 'sides where follows and expected_balance <> balance',
  },
  {
    finding: 'chain_broken',
    subject: 'id',
    field: `side || '_hash'`,
    expected: `encode(expected_hash, 'hex')`,
    actual: `encode(hash, 'hex')`,
    from: 'sides where follows and expected_hash is distinct from hash',
  },
  {
    finding: 'recorded_time_backwards',
    subject: 'id',
    field: `'created_at'`,
    expected: `'not before ' || not_before`,
    actual: 'created_at',
    from: 'sides where created_at < not_before',
  },
  {
    finding: 'currency_mismatch',
    subject: 'id',
    field: `'currency'`,
    expected: 'account_currency',
    actual: 'currency',
    from: 'sides where account_currency <> currency',
  },
]

const counterCheck = (
  finding: string,
  counter: string,
  recomputed: string,
  from: string,
): Check => ({
  finding,
  subject: 'e.account_id',
  field: `'${counter}' || part`,
  expected: recomputed,
  actual: counter,
  from: `${from} where ${recomputed} <> ${counter}`,
})

const pendingCheck = (counter: string, side: string): Check =>
  counterCheck(
    'hold_leak',
    counter,
    `coalesce(r.${side}, 0)`,
    'ended e left join reserved r on r.account_id = e.account_id and r.shard = e.shard',
  )

const chainChecks: readonly Check[] = [
  counterCheck('balance_mismatch', 'posted_debits_minor', 'debits', 'ended e'),
  counterCheck('balance_mismatch', 'posted_credits_minor', 'credits', 'ended e'),
  pendingCheck('pending_debits_minor', 'debits'),
  pendingCheck('pending_credits_minor', 'credits'),
  counterCheck('sequence_gap', 'seq', 'last_seq', 'ended e'),
  {
    finding: 'chain_head_mismatch',
    subject: 'account_id',
    field: `'head' || part`,
    expected: `encode(last_hash, 'hex')`,
    actual: `encode(head, 'hex')`,
    from: 'ended where last_hash <> head',
  },
  {
    finding: 'chain_head_mismatch',
    subject: 'account_id',
    field: `'recorded_at' || part`,
    expected: 'last_at',
    actual: 'recorded_at',
    from: 'ended where last_at is distinct from recorded_at',
  },
]

/** What was last decided about each account, beside what it is. */
const decided = (s: string): string => `
    select e.account_id, e.floor_minor, e.ceiling_minor, e.debits_blocked, e.credits_blocked,
      e.closed_at is not null as closed, c.no, c.floor_minor as decided_floor_minor,
      c.ceiling_minor as decided_ceiling_minor, c.debits_blocked as decided_debits_blocked,
      c.credits_blocked as decided_credits_blocked, c.closed as decided_closed,
      (select count(*) from ${s}.account_change h where h.account_id = e.account_id) as changes
    from ended e
    left join lateral (select * from ${s}.account_change c
      where c.account_id = e.account_id order by c.no desc limit 1) c on true
    where e.shard = 0`

const stateChecks = (s: string): readonly Check[] => [
  {
    finding: 'account_state_mismatch',
    subject: 'account_id',
    field: `'account_change'`,
    expected: `greatest(no, 1)`,
    actual: 'changes',
    from: 'decided where changes <> coalesce(no, 1)',
  },
  ...['floor_minor', 'ceiling_minor', 'debits_blocked', 'credits_blocked', 'closed'].map(
    (column) => ({
      finding: 'account_state_mismatch',
      subject: 'account_id',
      field: `'${column}'`,
      expected: `decided_${column}`,
      actual: column,
      from: `decided where no is not null and ${column} is distinct from decided_${column}`,
    }),
  ),
  {
    finding: 'part_mismatch',
    subject: 'e.account_id',
    field: `'parts'`,
    expected: `'1 to ' || e.shards`,
    actual: 'p.numbers',
    from: `ended e cross join lateral (
        select coalesce(string_agg(shard::text, ', ' order by shard), 'none') as numbers,
          count(*) filter (where shard between 1 and e.shards) as fitting, count(*) as stored
        from ${s}.account where part_of = e.account_id) p
      where e.shard = 0 and (p.fitting <> e.shards or p.stored <> e.shards)`,
  },
  ...['currency', 'kind', 'limited', 'debits_blocked', 'credits_blocked'].map((column) => ({
    finding: 'part_mismatch',
    subject: 'account_id',
    field: `'${column}' || part`,
    expected: `head_${column}`,
    actual: column,
    from: `ended where shard > 0 and ${column} <> head_${column}`,
  })),
]
