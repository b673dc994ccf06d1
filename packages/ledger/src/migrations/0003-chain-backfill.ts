import { payloadOf } from '../sql/payload.ts'

/**
 * Chains the rows that 0001 wrote: for each account in the order of its sequence, each hash covers
 * the row and the hash before it. Runs as the tables' owner with the append-only trigger off, in the
 * migration's transaction; it changes no column that 0001 had.
 */
export const chainBackfill = (s: string): readonly string[] => [
  `drop trigger account_moves_forward on ${s}.account`,
  `alter table ${s}.transfer disable trigger transfer_refuses_update_or_delete`,
  `do $do$
declare
  v_account ${s}.account;
  v_transfer ${s}.transfer;
  v_head bytea;
begin
  for v_account in select * from ${s}.account where seq > 0 loop
    v_head := '\\x';
    for v_transfer in select * from ${s}.transfer
      where debit_id = v_account.id or credit_id = v_account.id
      order by case when debit_id = v_account.id then debit_seq else credit_seq end
    loop
      v_head := sha256(v_head || ${payloadOf('v_transfer')});
      update ${s}.transfer set
        debit_hash = case when debit_id = v_account.id then v_head else debit_hash end,
        credit_hash = case when credit_id = v_account.id then v_head else credit_hash end
      where id = v_transfer.id;
    end loop;
    update ${s}.account set head = v_head, recorded_at = v_transfer.created_at
      where id = v_account.id;
  end loop;
end
$do$`,
  `alter table ${s}.transfer enable trigger transfer_refuses_update_or_delete`,
]
