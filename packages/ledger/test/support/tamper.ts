/* What somebody can do who owns the server: change anything, and repair all that depends on it. */
import { sql } from 'kysely'
import type { Executor } from '../../src/index.ts'
import { payloadOf } from '../../src/sql/payload.ts'

/** Runs statements with every trigger switched off, in one transaction. */
export async function tamper(db: Executor, ...statements: readonly string[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx) // a superuser's switch
    for (const statement of statements) await sql.raw(statement).execute(trx)
  })
}

/** Deletes the newest rows of the journal, so that no row after them stays. */
export const cutTail = (rows: number): string => `
delete from ledger.transfer where id in (
  select id from ledger.transfer where debit_seq is not null
  order by created_at desc, debit_seq desc limit ${rows})`

/**
 * Makes all that follows from the journal's amounts follow again: running balances, hashes, counters,
 * sequences, heads. What it leaves is as sound as a ledger that has always been like this.
 */
export const repair = `
do $do$
declare
  v_account ledger.account;
  v_transfer ledger.transfer;
  v_balance bigint;
  v_head bytea;
begin
  for v_account in select * from ledger.account where shards = 0 loop
    v_balance := 0;
    for v_transfer in ${rowsOf('v_account')} loop
      if v_transfer.debit_id = coalesce(v_account.part_of, v_account.id) then
        v_balance := v_balance
          + v_transfer.amount_minor * case when v_account.debit_normal then 1 else -1 end;
        update ledger.transfer set debit_balance_minor = v_balance where id = v_transfer.id;
      else
        v_balance := v_balance
          - v_transfer.amount_minor * case when v_account.debit_normal then 1 else -1 end;
        update ledger.transfer set credit_balance_minor = v_balance where id = v_transfer.id;
      end if;
    end loop;
  end loop;
  for v_account in select * from ledger.account where shards = 0 loop
    v_head := '\\x';
    for v_transfer in ${rowsOf('v_account')} loop
      v_head := sha256(v_head || ${payloadOf('v_transfer')});
      if v_transfer.debit_id = coalesce(v_account.part_of, v_account.id) then
        update ledger.transfer set debit_hash = v_head where id = v_transfer.id;
      else
        update ledger.transfer set credit_hash = v_head where id = v_transfer.id;
      end if;
    end loop;
    update ledger.account set head = v_head,
      seq = (select count(*) from ledger.transfer t where ${isOf('v_account')}),
      posted_debits_minor = (select coalesce(sum(amount_minor), 0) from ledger.transfer t
        where debit_id = coalesce(v_account.part_of, v_account.id)
          and debit_shard = v_account.shard),
      posted_credits_minor = (select coalesce(sum(amount_minor), 0) from ledger.transfer t
        where credit_id = coalesce(v_account.part_of, v_account.id)
          and credit_shard = v_account.shard),
      recorded_at = (select max(created_at) from ledger.transfer t where ${isOf('v_account')})
    where id = v_account.id;
  end loop;
end
$do$`

/** Makes leaves and roots of all checkpoints follow from the journal as it is. */
export const recomputeCheckpoints = `
do $do$
declare
  v_checkpoint ledger.checkpoint;
  v_root bytea := decode(repeat('00', 32), 'hex');
begin
  update ledger.checkpoint_leaf l set head = coalesce(
    (select debit_hash from ledger.transfer where debit_id = l.account_id
      and debit_shard = l.shard and debit_seq = l.seq),
    (select credit_hash from ledger.transfer where credit_id = l.account_id
      and credit_shard = l.shard and credit_seq = l.seq));
  for v_checkpoint in select * from ledger.checkpoint order by no loop
    update ledger.checkpoint set previous_root = v_root, root = sha256(v_root || (
      select string_agg(uuid_send(account_id) || int2send(shard) || int8send(seq) || head, ''
        order by account_id, shard)
      from ledger.checkpoint_leaf where checkpoint_no = v_checkpoint.no))
    where no = v_checkpoint.no returning root into v_root;
  end loop;
end
$do$`

function isOf(account: string): string {
  return `(t.debit_id = coalesce(${account}.part_of, ${account}.id) and t.debit_shard = ${account}.shard
    or t.credit_id = coalesce(${account}.part_of, ${account}.id)
      and t.credit_shard = ${account}.shard) and t.debit_seq is not null`
}

function rowsOf(account: string): string {
  return `select t.* from ledger.transfer t where ${isOf(account)}
      order by case when t.debit_id = coalesce(${account}.part_of, ${account}.id)
        then t.debit_seq else t.credit_seq end`
}
