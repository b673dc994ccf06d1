import { definer } from './definer.ts'

/** Reads of checkpoints. Each is one short statement; what it reads never changes. */
export function checkpointReads(s: string): readonly string[] {
  return [listCheckpoints(s), checkpointLeaves(s), sealedExtent(s)]
}

const listCheckpoints = (s: string): string => `
create or replace function ${s}.list_checkpoints(p_after bigint, p_limit integer) returns json
language sql stable ${definer} as $fn$
  select coalesce(json_agg(${s}.checkpoint_json(c) order by c.no), '[]')
  from (select * from ${s}.checkpoint where no > p_after order by no limit p_limit) c
$fn$`

// With each leaf: where the account's previous leaf stood, and the hash that its place in the
// journal has now. A page goes on after (p_after_account_id, p_after_shard).
const checkpointLeaves = (s: string): string => `
create or replace function ${s}.checkpoint_leaves(
  p_no bigint, p_after_account_id uuid, p_after_shard smallint, p_limit integer
) returns json language sql stable ${definer} as $fn$
  select coalesce(json_agg(json_build_object('accountId', l.account_id, 'shard', l.shard,
    'seq', l.seq::text, 'head', encode(l.head, 'hex'),
    'previousSeq', coalesce(before.seq, 0)::text,
    'previousHead', coalesce(encode(before.head, 'hex'), ''),
    'now', encode(coalesce(
      (select t.debit_hash from ${s}.transfer t where t.debit_id = l.account_id
        and t.debit_shard = l.shard and t.debit_seq = l.seq),
      (select t.credit_hash from ${s}.transfer t where t.credit_id = l.account_id
        and t.credit_shard = l.shard and t.credit_seq = l.seq)), 'hex'))
    order by l.account_id, l.shard), '[]')
  from (select * from ${s}.checkpoint_leaf where checkpoint_no = p_no
      and (account_id, shard) > (p_after_account_id, p_after_shard)
    order by account_id, shard limit p_limit) l
  left join lateral (select e.seq, e.head from ${s}.checkpoint_leaf e
    where e.account_id = l.account_id and e.shard = l.shard and e.checkpoint_no < p_no
    order by e.checkpoint_no desc limit 1) before on true
$fn$`

// How far checkpoints, leaves and signatures reach, and how many rows the journal has: a movement
// takes one place of two accounts.
const sealedExtent = (s: string): string => `
create or replace function ${s}.sealed_extent() returns json
language sql stable ${definer} as $fn$
  select json_build_object(
    'no', (select coalesce(max(no), 0) from ${s}.checkpoint),
    'namedNo', greatest(
      (select coalesce(max(checkpoint_no), 0) from ${s}.checkpoint_leaf),
      (select coalesce(max(checkpoint_no), 0) from ${s}.checkpoint_signature)),
    'transfers', (select coalesce(sum(seq), 0)::bigint / 2 from ${s}.account))
$fn$`
