/**
 * Boolean expression: may `p_amount_minor` of `p_currency` go from `v_debit` to `v_credit`, as the
 * counters stand? Not true (null when an account is missing) only sends the call to `refusal`,
 * which knows the reason, and which does not count expired holds. A closed account is blocked both
 * ways. Of a part of a sharded account that has limits (`limited`), only `refusal` can tell.
 *
 * The overflow lines keep every counter within bigint, so that no later line can overflow. A limit
 * is compared on the side that the money leaves or reaches, in one line for both kinds of account:
 * plpgsql prepares each operator anew in each transaction, so few of them are worth more than two
 * plainer lines (28 operators became 17; with the rules' short cuts a seventh of all instructions).
 */
export const withinLimits = `(
    not (v_debit.debits_blocked or v_credit.credits_blocked
      or v_debit.limited or v_credit.limited)
    and v_debit.currency = p_currency and v_credit.currency = p_currency
    and p_amount_minor <= 9223372036854775807 - greatest(
      v_debit.posted_debits_minor + v_debit.pending_debits_minor,
      v_credit.posted_credits_minor + v_credit.pending_credits_minor)
    and v_debit.posted_credits_minor - v_debit.posted_debits_minor
      - v_debit.pending_debits_minor - p_amount_minor >= coalesce(
        case when v_debit.debit_normal then - v_debit.ceiling_minor else v_debit.floor_minor end,
        -9223372036854775807)
    and v_credit.posted_debits_minor - v_credit.posted_credits_minor
      - v_credit.pending_credits_minor - p_amount_minor >= coalesce(
        case when v_credit.debit_normal then v_credit.floor_minor else - v_credit.ceiling_minor end,
        -9223372036854775807)
  )`
