/**
 * What must be true of each row, by name: one CHECK a table, which calls a function.
 *
 * PostgreSQL reads the text of every CHECK (and of every trigger's WHEN) of a table anew for each
 * statement that writes to it. Written out, the rules of accounts and transfers are 35,000
 * characters of expression trees, and reading them was 40 % of the processor time of a transfer
 * (187 µs against 117 µs, medians of 15 interleaved rounds). A plpgsql function is read once a
 * session. A broken rule is raised as the CHECK violation (23514) that it would have been on its
 * own, under its own name.
 *
 * As a CHECK and not a trigger, so that no `disable trigger` and no replica role goes past it.
 */
export function rules(s: string): readonly string[] {
  return [
    ...replaced(s),
    ...soundness(s, 'account', accountRules, ordinaryAccount),
    ...soundness(s, 'transfer', transferRules, ordinaryTransfer),
    ...soundness(s, 'hold', holdRules),
  ]
}

/** A name, and an expression over the columns of `r` that is not false. */
type Rule = readonly [name: string, holds: string]

const balance = `(case when r.debit_normal then r.posted_debits_minor - r.posted_credits_minor
    else r.posted_credits_minor - r.posted_debits_minor end)`

const accountRules: readonly Rule[] = [
  ['account_kind_known', `r.kind in ('asset', 'liability', 'equity', 'income', 'expense')`],
  [
    'account_counters_not_negative',
    `least(r.posted_debits_minor, r.posted_credits_minor, r.pending_debits_minor,
    r.pending_credits_minor, r.seq) >= 0`,
  ],
  // Back-stop. The functions also count open holds; a CHECK cannot, because holds expire. Nor can it
  // add up the parts of a sharded account.
  ['account_above_floor', `r.shards > 0 or r.floor_minor <= ${balance}`],
  ['account_below_ceiling', `r.shards > 0 or r.ceiling_minor >= ${balance}`],
  [
    'account_shards_range',
    `r.shards between 0 and 64 and r.shard between 0 and 64 and (r.shard = 0 or r.shards = 0)
    and (r.shard = 0) = (r.part_of is null)`,
  ],
  [
    'account_head_row_is_empty',
    `r.shards = 0 or (r.seq = 0 and r.posted_debits_minor = 0 and r.posted_credits_minor = 0
    and r.pending_debits_minor = 0 and r.pending_credits_minor = 0)`,
  ],
  [
    'account_part_has_no_limits',
    'r.shard = 0 or (r.floor_minor is null and r.ceiling_minor is null)',
  ],
  ['account_closed_is_blocked', 'r.closed_at is null or (r.debits_blocked and r.credits_blocked)'],
]

/**
 * An exact, open account without a ceiling breaks no rule when this holds. It asks the same with a
 * third of the operators: plpgsql prepares each operator of an expression anew in each transaction,
 * and never the expressions that it does not reach.
 */
const ordinaryAccount = `r.part_of is null and r.shards = 0 and r.shard = 0
    and r.closed_at is null and r.ceiling_minor is null
    and least(r.posted_debits_minor, r.posted_credits_minor, r.pending_debits_minor,
      r.pending_credits_minor, r.seq) >= 0
    and r.kind in ('asset', 'liability', 'equity', 'income', 'expense')
    and (r.floor_minor is null or r.floor_minor <= ${balance})`

const transferRules: readonly Rule[] = [
  [
    'transfer_kind_known',
    `r.kind in ('transfer', 'capture', 'reversal', 'tombstone', 'rejection')`,
  ],
  ['transfer_two_accounts', 'r.debit_id <> r.credit_id'],
  ['transfer_amount_positive', 'r.amount_minor > 0'],
  [
    'transfer_whole_or_without_money',
    `case
    when r.kind = 'tombstone' then num_nonnulls(r.debit_id, r.credit_id, r.amount_minor,
      r.currency, r.debit_seq, r.credit_seq, r.debit_balance_minor, r.credit_balance_minor,
      r.debit_hash, r.credit_hash, r.rejection) = 0
    when r.kind = 'rejection' then num_nonnulls(r.debit_seq, r.credit_seq, r.debit_balance_minor,
        r.credit_balance_minor, r.debit_hash, r.credit_hash) = 0
      and num_nulls(r.debit_id, r.credit_id, r.amount_minor, r.currency, r.rejection) = 0
    else num_nulls(r.debit_id, r.credit_id, r.amount_minor, r.currency, r.debit_seq, r.credit_seq,
        r.debit_balance_minor, r.credit_balance_minor, r.debit_hash, r.credit_hash) = 0
      and r.rejection is null end`,
  ],
  [
    'transfer_refers_as_its_kind',
    `case r.kind
    when 'capture' then num_nonnulls(r.hold_id, r.capture_final, r.remainder) = 3
      and r.reverses_id is null
    when 'reversal' then num_nonnulls(r.reverses_id, r.remainder) = 2
      and num_nonnulls(r.hold_id, r.capture_final) = 0
    else num_nonnulls(r.hold_id, r.capture_final, r.remainder, r.reverses_id) = 0 end`,
  ],
  [
    'transfer_leg_of_journal',
    `(r.journal_id is null) = (r.leg is null)
    and (r.journal_id is null or r.kind = 'transfer')`,
  ],
  // The separator of the text that is hashed.
  ['transfer_code_plain', `strpos(r.code, '|') = 0`],
]

/** A transfer as most are breaks no rule when this holds: see `ordinaryAccount`. */
const ordinaryTransfer = `r.kind = 'transfer' and r.debit_id <> r.credit_id and r.amount_minor > 0
    and num_nulls(r.currency, r.debit_seq, r.credit_seq, r.debit_balance_minor,
      r.credit_balance_minor, r.debit_hash, r.credit_hash) = 0
    and r.rejection is null and r.hold_id is null and r.capture_final is null
    and r.remainder is null and r.reverses_id is null and r.journal_id is null and r.leg is null
    and (r.code is null or strpos(r.code, '|') = 0)`

const holdRules: readonly Rule[] = [
  ['hold_state_known', `r.state in ('open', 'captured', 'released', 'expired')`],
  [
    'hold_whole_or_tombstone',
    `case when r.tombstone
    then r.state = 'released'
      and num_nonnulls(r.debit_id, r.credit_id, r.amount_minor, r.currency) = 0
    else num_nulls(r.debit_id, r.credit_id, r.amount_minor, r.currency) = 0 end`,
  ],
  ['hold_two_accounts', 'r.debit_id <> r.credit_id'],
  ['hold_amount_positive', 'r.amount_minor > 0'],
  ['hold_captured_within_amount', 'r.captured_minor between 0 and coalesce(r.amount_minor, 0)'],
  ['hold_settled_has_time', `(r.state = 'open') = (r.settled_at is null)`],
]

// Those of 0001, which live on in the functions.
const replaced = (s: string): readonly string[] => [
  `alter table ${s}.account
  drop constraint account_kind_known,
  drop constraint account_counters_not_negative,
  drop constraint account_above_floor,
  drop constraint account_below_ceiling`,
  `alter table ${s}.transfer
  drop constraint transfer_kind_known,
  drop constraint transfer_whole_or_tombstone,
  drop constraint transfer_capture_has_hold,
  drop constraint transfer_two_accounts,
  drop constraint transfer_amount_positive`,
  `alter table ${s}.hold
  drop constraint hold_state_known,
  drop constraint hold_whole_or_tombstone,
  drop constraint hold_two_accounts,
  drop constraint hold_amount_positive,
  drop constraint hold_captured_within_amount,
  drop constraint hold_settled_has_time`,
]

const soundness = (
  s: string,
  table: string,
  list: readonly Rule[],
  ordinary = 'false',
): readonly [make: string, add: string] => [
  `create function ${s}.${table}_sound(r ${s}.${table}) returns boolean
language plpgsql immutable as $fn$
begin
  if ${ordinary} then
    return true;
  end if;
  if ${list.map(([, holds]) => `(${holds}) is not false`).join('\n  and ')}
  then
    return true;
  end if;
  raise exception 'a row of %.% breaks a rule', '${s}', '${table}' using
    errcode = 'check_violation', schema = '${s}', table = '${table}',
    constraint = case
      ${list.map(([name, holds]) => `when (${holds}) is false then '${name}'`).join('\n      ')}
      end;
end
$fn$`,
  `alter table ${s}.${table}
  add constraint ${table}_sound check (${s}.${table}_sound(${table}))`,
]
