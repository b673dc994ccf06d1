import { payloadOf } from '../sql/payload.ts'

/**
 * Chains the rows that 0001 wrote: for each account in the order of its sequence, each hash covers
 * the row and the hash before it. Runs with the append-only trigger off, in the migration's
 * transaction, after the new columns and before the new indexes; it changes no column that 0001 had.
 *
 * Each row is updated once and each account once: row by row and side by side it took four times as
 * long. What it needs for that is gone at the end.
 */
export const chainBackfill = (s: string): readonly string[] => [
  `create function ${s}.chain_step(previous bytea, payload bytea) returns bytea
language sql immutable as 'select sha256(previous || payload)'`,
  `create aggregate ${s}.chained(bytea) (sfunc = ${s}.chain_step, stype = bytea, initcond = '')`,
  // Not a temporary table: the right to make one may have been taken away.
  `create unlogged table ${s}.link as
select account_id, seq, id, debit, created_at, ${s}.chained(payload) over chain as hash
from (
    select debit_id as account_id, debit_seq as seq, true as debit, id, created_at,
      ${payloadOf('t')} as payload
    from ${s}.transfer t where kind <> 'tombstone'
    union all
    select credit_id, credit_seq, false, id, created_at, ${payloadOf('t')}
    from ${s}.transfer t where kind <> 'tombstone') side
window chain as (partition by account_id order by seq)`,
  `analyze ${s}.link`,
  `alter table ${s}.transfer disable trigger transfer_refuses_update_or_delete`,
  `update ${s}.transfer t set debit_hash = d.hash, credit_hash = c.hash
from ${s}.link d join ${s}.link c on c.id = d.id and not c.debit
where d.id = t.id and d.debit`,
  `alter table ${s}.transfer enable trigger transfer_refuses_update_or_delete`,
  `drop trigger account_moves_forward on ${s}.account`,
  // The latest time of the chain, not that of its newest row: a clock may have been set back.
  `update ${s}.account a set head = newest.hash, recorded_at = newest.recorded_at
from (
    select distinct on (account_id) account_id, hash,
      max(created_at) over (partition by account_id) as recorded_at
    from ${s}.link order by account_id, seq desc) newest
where newest.account_id = a.id`,
  `drop table ${s}.link`,
  `drop aggregate ${s}.chained(bytea)`,
  `drop function ${s}.chain_step(bytea, bytea)`,
]
