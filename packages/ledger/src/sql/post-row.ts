import { balanceAfterCredit, balanceAfterDebit } from './balance-after.ts'
import { payloadOf } from './payload.ts'

/**
 * Completes `v_transfer`, a journal row whose request fields are set, and inserts it. For use where
 * `v_debit` and `v_credit` are locked and `v_now`, `v_payload bytea` declared. FOUND tells whether
 * the id was free; the caller then moves the counters with `moved` and `advanced`.
 *
 * The insert comes before the update, so that losing the id to a concurrent call on *other*
 * accounts (the unique index waits for it) leaves nothing to undo.
 */
export const postRow = (s: string, where: string): string => `
    v_transfer.debit_shard := v_debit.shard;
    v_transfer.credit_shard := v_credit.shard;
    v_transfer.debit_seq := v_debit.seq + 1;
    v_transfer.credit_seq := v_credit.seq + 1;
    v_transfer.debit_balance_minor := ${balanceAfterDebit('v_transfer.amount_minor')};
    v_transfer.credit_balance_minor := ${balanceAfterCredit('v_transfer.amount_minor')};
    v_transfer.created_at := v_now;
    v_payload := ${payloadOf('v_transfer')};
    v_transfer.debit_hash := sha256(v_debit.head || v_payload);
    v_transfer.credit_hash := sha256(v_credit.head || v_payload);
    insert into ${s}.transfer select (v_transfer).* where ${where} on conflict (id) do nothing;`

/** SQL for `update account set …` of the two rows that `v_transfer` moved. */
export const advanced = `seq = seq + 1,
        head = case when id = v_debit.id then v_transfer.debit_hash
          else v_transfer.credit_hash end,
        recorded_at = v_now`
