import { definer } from './definer.ts'

/** Previous root of the first checkpoint: as many zero bytes as a root has. */
const genesis = `decode(repeat('00', 32), 'hex')`

/**
 * Seals the journal as it is in one snapshot: for each account row whose chain grew since its last
 * leaf, a leaf; over all leaves and the root before, a root.
 *
 * What a block holds: the rows whose debit place lies after the debit account's previous leaf and
 * up to its new one. Counting by credit places gives the same rows. A movement advances both of its
 * account rows in one transaction, so a snapshot sees it in both or in neither; and as the places of
 * an account are given out one after the other under its lock, the places that a snapshot sees are
 * exactly 1 … seq. Hence the first snapshot that sees a row has both of its places behind the new
 * leaves, and no earlier one had either of them. That is also why half the places is the number of
 * rows.
 *
 * Why these locks: the advisory lock lets one run at a time go on, so that numbers have no gaps and
 * each block begins where the one before ended; the statement after it has a newer snapshot than
 * whoever held the lock. No account is locked and no mover waits. Under REPEATABLE READ the snapshot
 * may be older than the lock: two runs then want the same number, and ON CONFLICT ends the later
 * one with 40001, which is `busy`.
 *
 * What is handed out must not be forgotten by a crash, and WAL is written in order: waiting for this
 * commit makes everything it seals durable too, even rows of sessions that do not wait for theirs.
 *
 * Costs one look into an index for each account row. A block holds up to 17 million accounts: their
 * leaves are one value of at most 1 GB while they are hashed.
 */
export const checkpointFunction = (s: string): string => `
create or replace function ${s}.make_checkpoint() returns json
language plpgsql volatile ${definer} as $fn$
declare
  v_checkpoint ${s}.checkpoint;
begin
  perform pg_advisory_xact_lock(hashtextextended('payflow ledger checkpoint of ${s}', 0));
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  with leaf as materialized (
    select coalesce(a.part_of, a.id) as account_id, a.shard, a.seq, a.head,
      a.seq - coalesce(before.seq, 0) as places
    from ${s}.account a
    left join lateral (select l.seq from ${s}.checkpoint_leaf l
      where l.account_id = coalesce(a.part_of, a.id) and l.shard = a.shard
      order by l.checkpoint_no desc limit 1) before on true
    where a.seq > coalesce(before.seq, 0)),
  block as (
    select sum(places) / 2 as transfers,
      string_agg(uuid_send(account_id) || int2send(shard) || int8send(seq) || head, ''::bytea
        order by account_id, shard) as leaves
    from leaf having count(*) > 0),
  made as (
    insert into ${s}.checkpoint (no, transfers, previous_root, root, created_at)
    select coalesce(c.no, 0) + 1, coalesce(c.transfers, 0) + b.transfers,
      coalesce(c.root, ${genesis}), sha256(coalesce(c.root, ${genesis}) || b.leaves),
      greatest(clock_timestamp(), c.created_at)
    from block b
    left join (select * from ${s}.checkpoint order by no desc limit 1) c on true
    on conflict (no) do nothing
    returning *),
  leaves as (
    insert into ${s}.checkpoint_leaf (checkpoint_no, account_id, shard, seq, head)
    select m.no, l.account_id, l.shard, l.seq, l.head from leaf l cross join made m)
  select * into v_checkpoint from made;
  if found then
    return json_build_object('outcome', 'created',
      'checkpoint', ${s}.checkpoint_json(v_checkpoint));
  end if;
  return json_build_object('outcome', 'unchanged', 'checkpoint',
    (select ${s}.checkpoint_json(c) from ${s}.checkpoint c order by c.no desc limit 1));
end
$fn$`
