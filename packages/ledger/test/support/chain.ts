import { sql } from 'kysely'
import type { Executor } from '../../src/index.ts'
import { payloadOf } from '../../src/sql/payload.ts'

/** Rows and account heads whose hash is not that of the row and the hash before it. */
export async function brokenLinks(db: Executor): Promise<readonly unknown[]> {
  const { rows } = await sql`
    with side as (
      select t.debit_id as account_id, t.debit_shard as shard, t.debit_seq as seq,
        t.debit_hash as hash, ${sql.raw(payloadOf('t'))} as payload
      from ledger.transfer t where t.debit_seq is not null
      union all
      select t.credit_id, t.credit_shard, t.credit_seq, t.credit_hash,
        ${sql.raw(payloadOf('t'))}
      from ledger.transfer t where t.credit_seq is not null),
    linked as (
      select *, coalesce(lag(hash) over (partition by account_id, shard order by seq), '\\x')
        as previous from side)
    select account_id, shard, seq::text from linked where hash <> sha256(previous || payload)
    union all
    select a.id, a.shard, 'head' from ledger.account a
      left join side s on s.account_id = coalesce(a.part_of, a.id) and s.shard = a.shard
        and s.seq = a.seq
      where a.head <> coalesce(s.hash, '\\x')`.execute(db)
  return rows
}
