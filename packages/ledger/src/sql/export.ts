import { definer } from './definer.ts'
import { micros } from './payload.ts'

/**
 * Pages of a sealed block. Each is one short statement without a lock; a block never changes, so
 * pages of different moments fit together.
 */
export function exportReads(s: string): readonly string[] {
  return [sealedLeaves(s), sealedTransfers(s)]
}

// Where the account's leaf before this one stood.
const before = (s: string): string => `
  left join lateral (select e.seq, e.head from ${s}.checkpoint_leaf e
    where e.account_id = l.account_id and e.shard = l.shard and e.checkpoint_no < p_no
    order by e.checkpoint_no desc limit 1) before on true`

const sealedLeaves = (s: string): string => `
create or replace function ${s}.sealed_leaves(
  p_no bigint, p_after_account_id uuid, p_after_shard smallint, p_limit integer
) returns json language sql stable ${definer} as $fn$
  select coalesce(json_agg(json_build_object('accountId', l.account_id, 'shard', l.shard,
    'currency', a.currency, 'kind', a.kind,
    'previousSeq', coalesce(before.seq, 0)::text,
    'previousHead', coalesce(encode(before.head, 'hex'), ''),
    'seq', l.seq::text, 'head', encode(l.head, 'hex')) order by l.account_id, l.shard), '[]')
  from (select * from ${s}.checkpoint_leaf where checkpoint_no = p_no
      and (account_id, shard) > (p_after_account_id, p_after_shard)
    order by account_id, shard limit p_limit) l
  left join ${s}.account a on a.id = l.account_id${before(s)}
$fn$`

/** SQL: the hash that the row before has in this side's chain; empty before the first. */
const previousHash = (s: string, side: 'debit' | 'credit'): string => `encode(coalesce(
      (select p.debit_hash from ${s}.transfer p where p.debit_id = t.${side}_id
        and p.debit_shard = t.${side}_shard and p.debit_seq = t.${side}_seq - 1),
      (select p.credit_hash from ${s}.transfer p where p.credit_id = t.${side}_id
        and p.credit_shard = t.${side}_shard and p.credit_seq = t.${side}_seq - 1),
      ''), 'hex')`

const line = (s: string): string => `json_build_object('id', t.id, 'kind', t.kind,
    'debitAccountId', t.debit_id, 'debitShard', t.debit_shard, 'debitSeq', t.debit_seq::text,
    'debitBalanceMinor', t.debit_balance_minor::text,
    'creditAccountId', t.credit_id, 'creditShard', t.credit_shard, 'creditSeq', t.credit_seq::text,
    'creditBalanceMinor', t.credit_balance_minor::text,
    'amountMinor', t.amount_minor::text, 'currency', t.currency, 'holdId', t.hold_id,
    'captureFinal', t.capture_final, 'remainder', t.remainder, 'reversesId', t.reverses_id,
    'journalId', t.journal_id, 'leg', t.leg, 'createdAtMicros', ${micros('t.created_at')}::text,
    'effectiveAtMicros', ${micros('t.effective_at')}::text, 'code', t.code,
    'metadata', t.metadata::text,
    'debitPreviousHash', ${previousHash(s, 'debit')},
    'debitHash', encode(t.debit_hash, 'hex'),
    'creditPreviousHash', ${previousHash(s, 'credit')},
    'creditHash', encode(t.credit_hash, 'hex'))`

// Rows in the order of (debit account, shard, place), after the place that is given. A page takes
// leaves only until their places could fill it, so that it sorts no more than two pages of rows.
const sealedTransfers = (s: string): string => `
create or replace function ${s}.sealed_transfers(
  p_no bigint, p_account_id uuid, p_shard smallint, p_after_seq bigint, p_limit integer
) returns json language sql stable ${definer} as $fn$
  with leaf as materialized (
    select l.account_id, l.shard, l.seq, greatest(coalesce(before.seq, 0),
      case when l.account_id = p_account_id and l.shard = p_shard then p_after_seq end) as after_seq
    from (select * from ${s}.checkpoint_leaf where checkpoint_no = p_no
        and (account_id, shard) >= (p_account_id, p_shard)
      order by account_id, shard limit p_limit) l${before(s)}),
  taken as materialized (
    select * from (
      select *, sum(seq - after_seq) over (order by account_id, shard) - (seq - after_seq) as ahead
      from leaf) counted
    where ahead < p_limit),
  page as materialized (
    select t.* from taken l
    cross join lateral (select t.* from ${s}.transfer t
      where t.debit_id = l.account_id and t.debit_shard = l.shard
        and t.debit_seq > l.after_seq and t.debit_seq <= l.seq
      order by t.debit_seq limit p_limit) t
    order by t.debit_id, t.debit_shard, t.debit_seq limit p_limit)
  select json_build_object(
    'transfers', (select coalesce(json_agg(${line(s)}
      order by t.debit_id, t.debit_shard, t.debit_seq), '[]') from page t),
    'next', case
      when (select count(*) from page) = p_limit then
        (select json_build_array(debit_id, debit_shard, debit_seq::text) from page
          order by debit_id desc, debit_shard desc, debit_seq desc limit 1)
      when (select count(*) from taken) < (select count(*) from leaf)
        or (select count(*) from leaf) = p_limit then
        (select json_build_array(account_id, shard, seq::text) from taken
          order by account_id desc, shard desc limit 1) end)
$fn$`
