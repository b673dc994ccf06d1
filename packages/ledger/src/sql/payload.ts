/**
 * SQL: the bytes of a journal row that its two hashes cover, of a record or table alias `t`. Every
 * column that is not itself a hash is in it, each in a form that no setting of the session changes.
 * `code` cannot contain the separator (CHECK), and `metadata` comes last, so no two rows give the
 * same text. An auditor computes the same from an export: see `verifyExport`.
 */
export const payloadOf = (t: string): string => `convert_to(concat_ws('|', 'payflow-ledger-1',
    ${t}.id, ${t}.kind, ${t}.debit_id, ${t}.debit_shard, ${t}.debit_seq, ${t}.debit_balance_minor,
    ${t}.credit_id, ${t}.credit_shard, ${t}.credit_seq, ${t}.credit_balance_minor,
    ${t}.amount_minor, ${t}.currency, coalesce(${t}.hold_id::text, ''),
    coalesce(${t}.capture_final::text, ''), coalesce(${t}.remainder::text, ''),
    coalesce(${t}.reverses_id::text, ''), coalesce(${t}.journal_id::text, ''),
    coalesce(${t}.leg::text, ''), ${micros(`${t}.created_at`)},
    coalesce(${micros(`${t}.effective_at`)}::text, ''), coalesce(${t}.code, ''),
    coalesce(${t}.metadata::text, '')), 'UTF8')`

/** SQL: microseconds since 1970, which is all that a timestamptz can tell apart. */
export const micros = (time: string): string => `(extract(epoch from ${time}) * 1000000)::bigint`
