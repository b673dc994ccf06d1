import { accountChangesFunction } from './account-changes.ts'
import { accountRefusalFunction } from './account-refusal.ts'
import { answers } from './answers.ts'
import { captureRefusalFunction } from './capture-refusal.ts'
import { captureFunction } from './capture.ts'
import { changeAccountFunction } from './change-account.ts'
import { closeAccountFunction } from './close-account.ts'
import { createAccountFunction } from './create-account.ts'
import { currencyFunctions } from './currencies.ts'
import { expireHoldsFunction } from './expire-holds.ts'
import { expiredMinorFunction } from './expired-minor.ts'
import { freezeAccountFunction } from './freeze-account.ts'
import { history } from './history.ts'
import { holdFunction } from './hold.ts'
import { keepHorizonFunction } from './keep-horizon.ts'
import { knownAnswerFunction } from './known-answer.ts'
import { knownCaptureFunction } from './known-capture.ts'
import { journalFunction } from './journal.ts'
import { knownHoldFunction } from './known-hold.ts'
import { knownJournalFunction } from './known-journal.ts'
import { knownOtherwiseFunction } from './known-otherwise.ts'
import { knownReversalFunction } from './known-reversal.ts'
import { knownTransferFunction } from './known-transfer.ts'
import { limitRefusalFunction } from './limit-refusal.ts'
import { lockAccountsFunction } from './lock-accounts.ts'
import { postManyFunction } from './post-many.ts'
import { lockPartFunction } from './lock-pair.ts'
import { lockShardFunction } from './lock-shard.ts'
import { lockWholeFunction } from './lock-whole.ts'
import { reads } from './reads.ts'
import { refusalFunction } from './refusal.ts'
import { releaseFunction } from './release.ts'
import { rememberRejectionFunction } from './remember-rejection.ts'
import { reverseFunction } from './reverse.ts'
import { sealing } from './sealing.ts'
import { setLimitsFunction } from './set-limits.ts'
import { settleHoldFunction } from './settle-hold.ts'
import { transferManyFunction } from './transfer-many.ts'
import { transferFunction } from './transfer.ts'
import { verification } from './verification.ts'
import { views } from './views.ts'
import { wholeFunction } from './whole.ts'

/**
 * Every function, each before its first user. PostgreSQL lets everybody execute a new function, so
 * the last statement takes that back.
 */
export function functions(s: string): readonly string[] {
  return [
    ...answers(s),
    expiredMinorFunction(s),
    accountRefusalFunction(s),
    lockShardFunction(s),
    lockPartFunction(s),
    wholeFunction(s),
    keepHorizonFunction(s),
    limitRefusalFunction(s),
    refusalFunction(s),
    captureRefusalFunction(s),
    settleHoldFunction(s),
    knownAnswerFunction(s),
    knownOtherwiseFunction(s),
    knownTransferFunction(s),
    knownHoldFunction(s),
    knownCaptureFunction(s),
    knownReversalFunction(s),
    rememberRejectionFunction(s),
    createAccountFunction(s),
    transferFunction(s),
    knownJournalFunction(s),
    postManyFunction(s),
    transferManyFunction(s),
    journalFunction(s),
    holdFunction(s),
    captureFunction(s),
    releaseFunction(s),
    reverseFunction(s),
    expireHoldsFunction(s),
    lockAccountsFunction(s),
    lockWholeFunction(s),
    changeAccountFunction(s),
    freezeAccountFunction(s),
    closeAccountFunction(s),
    setLimitsFunction(s),
    accountChangesFunction(s),
    ...currencyFunctions(s),
    ...views(s),
    ...history(s),
    ...reads(s),
    ...sealing(s),
    ...verification(s),
    `revoke execute on all functions in schema ${s} from public`,
  ]
}
