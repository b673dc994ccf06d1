import { balanceAfterCredit, balanceAfterDebit } from './balance-after.ts'
import { type Column, hashed, micros, payloadFrom } from './payload.ts'

/** What the accounts and the clock say of a row. */
const DECIDED = {
  debit_shard: 'v_debit.shard',
  debit_seq: 'v_debit.seq + 1',
  debit_balance_minor: 'v_debit_balance_minor',
  credit_shard: 'v_credit.shard',
  credit_seq: 'v_credit.seq + 1',
  credit_balance_minor: 'v_credit_balance_minor',
  created_at: 'v_now',
} as const

/** What the verb says of it: SQL by column. */
type OwnColumns = Readonly<Partial<Record<Exclude<Column, keyof typeof DECIDED>, string>>>

/** Declarations of what `postRow` uses besides `v_debit`, `v_credit` and `v_now`. */
export const rowVariables = `
  v_debit_balance_minor bigint;
  v_credit_balance_minor bigint;
  v_now_micros bigint;
  v_payload bytea;`

/**
 * Inserts a journal row, for use where `v_debit` and `v_credit` are locked. FOUND tells whether the
 * id was free; the caller then moves the counters with `moved` and `advanced`.
 *
 * The insert comes before the update, so that losing the id to a concurrent call on *other*
 * accounts (the unique index waits for it) leaves nothing to undo. No record is filled first:
 * plpgsql compiles each assignment anew in each transaction.
 */
export function postRow(
  s: string,
  own: OwnColumns & { readonly amount_minor: string },
  where: string,
  returning = '',
): string {
  const row: Readonly<Partial<Record<Column, string>>> = { ...own, ...DECIDED }
  const text = (name: Column): string => {
    const value = row[name]
    if (name === 'created_at') return 'v_now_micros'
    return value === undefined ? `''` : hashed(name, value)
  }
  return `
    v_debit_balance_minor := ${balanceAfterDebit(own.amount_minor)};
    v_credit_balance_minor := ${balanceAfterCredit(own.amount_minor)};
    v_now_micros := ${micros('v_now')};
    v_payload := ${payloadFrom(text)};
    insert into ${s}.transfer (${Object.keys(row).join(', ')}, debit_hash, credit_hash)
    select ${Object.values(row).join(', ')},
      sha256(v_debit.head || v_payload), sha256(v_credit.head || v_payload)
    where ${where} on conflict (id) do nothing${returning};`
}

/** SQL for `update account set …` of the two rows that a row moved, with the hashes it has got. */
export const advanced = (debitHash: string, creditHash: string): string => `seq = seq + 1,
        head = case when id = v_debit.id then ${debitHash} else ${creditHash} end,
        recorded_at = v_now`
