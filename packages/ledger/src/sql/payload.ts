const COLUMNS = [
  'id',
  'kind',
  'debit_id',
  'debit_shard',
  'debit_seq',
  'debit_balance_minor',
  'credit_id',
  'credit_shard',
  'credit_seq',
  'credit_balance_minor',
  'amount_minor',
  'currency',
  'hold_id',
  'capture_final',
  'remainder',
  'reverses_id',
  'journal_id',
  'leg',
  'created_at',
  'effective_at',
  'code',
  'metadata',
] as const

/** A column that the hashes cover. */
export type Column = (typeof COLUMNS)[number]

const NEVER_NULL: readonly Column[] = COLUMNS.slice(0, COLUMNS.indexOf('hold_id'))

/** SQL: the bytes of a journal row whose columns, as text or of their own type, are given. */
export const payloadFrom = (column: (name: Column) => string): string =>
  `convert_to(concat_ws('|', 'payflow-ledger-1',
    ${COLUMNS.map(column).join(',\n    ')}), 'UTF8')`

/**
 * SQL: the bytes of a journal row that its two hashes cover, of a record or table alias `t`. Every
 * column that is not itself a hash is in it, each in a form that no setting of the session changes.
 * `code` cannot contain the separator (CHECK), and `metadata` comes last, so no two rows give the
 * same text. An auditor computes the same from an export: see `verifyExport`.
 */
export const payloadOf = (t: string): string => payloadFrom((name) => hashed(name, `${t}.${name}`))

/** SQL: a column's value in the form in which it is hashed. */
export function hashed(name: Column, value: string): string {
  if (name === 'created_at') return micros(value)
  if (name === 'effective_at') return `coalesce(${micros(value)}::text, '')`
  return NEVER_NULL.includes(name) ? value : `coalesce(${value}::text, '')`
}

/** SQL: microseconds since 1970, which is all that a timestamptz can tell apart. */
export const micros = (time: string): string => `(extract(epoch from ${time}) * 1000000)::bigint`
