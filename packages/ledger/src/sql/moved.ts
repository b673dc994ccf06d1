/**
 * SQL for `update account set …` of a pair: adds `amount` to one counter of the debit account and
 * to the matching counter of the credit account, with one statement for both rows.
 */
export const moved = (
  counter: 'posted' | 'pending',
  sign: '+' | '-',
  amount: string,
  debitId: string,
  creditId: string,
): string => `${counter}_debits_minor = ${counter}_debits_minor
          ${sign} case when id = ${debitId} then ${amount} else 0 end,
        ${counter}_credits_minor = ${counter}_credits_minor
          ${sign} case when id = ${creditId} then ${amount} else 0 end`
