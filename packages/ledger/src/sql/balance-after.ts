/** SQL: balance of `v_debit`, on its normal side, once `amount` is debited. */
export const balanceAfterDebit = (amount: string): string => `case when v_debit.debit_normal
        then v_debit.posted_debits_minor + ${amount} - v_debit.posted_credits_minor
        else v_debit.posted_credits_minor - v_debit.posted_debits_minor - ${amount} end`

/** SQL: balance of `v_credit`, on its normal side, once `amount` is credited. */
export const balanceAfterCredit = (amount: string): string => `case when v_credit.debit_normal
        then v_credit.posted_debits_minor - v_credit.posted_credits_minor - ${amount}
        else v_credit.posted_credits_minor + ${amount} - v_credit.posted_debits_minor end`
