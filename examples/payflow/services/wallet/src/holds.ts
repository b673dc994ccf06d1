import { SANDBOX_BANK_ID } from '@payflow-app/contracts'
import type {
  HoldRequest,
  HoldView,
  PostTransferRequest,
  PostTransferView,
  ReleaseView,
} from '@payflow-app/contracts'
import { addLogContext, problem } from '@payflow-app/service-kit'
import type { Conflict, Executor, Hold, HoldResult, Ledger, Transfer } from '@payflow/ledger'
import { sandboxBankAccountId, walletAccountId } from './account-ids.ts'
import { outcomeProblem, type Parties } from './outcome-problems.ts'
import { ensureSandboxBank } from './sandbox-bank.ts'
import { succeeded } from './succeeded.ts'
import { readLedger } from './wallet-view.ts'

/** Reserves the money of a payment. The same id and the same payment again is a replay. */
export async function placeHold(
  db: Executor,
  ledger: Ledger,
  request: HoldRequest,
): Promise<HoldView> {
  const { kind, transferId, amount, currency, expiresInMs } = request
  addLogContext({ paymentId: transferId })
  const parties = partiesOf(request)
  if (kind !== 'payment') await ensureSandboxBank(db, ledger, currency)
  const held = await ledger.hold(db, {
    id: transferId,
    ...parties,
    amountMinor: BigInt(amount),
    currency,
    code: kind,
    expiresInMs,
  })
  if (succeeded(held)) {
    return { transferId, state: 'held', replayed: held.outcome === 'replayed' }
  }
  if (differsInLifeOnly(held)) return replayedHold(held.existing)
  throw outcomeProblem(held, parties)
}

type HoldConflict = Conflict<Transfer | Hold>

/**
 * How long holds live is configuration of whoever places them. Changing it must not make a retry of
 * a payment from before the change into another payment.
 */
function differsInLifeOnly(answer: HoldResult): answer is HoldConflict & { existing: Hold } {
  return (
    answer.outcome === 'conflict' &&
    answer.existing.kind === 'hold' &&
    answer.differs.every((field) => field === 'expiresInMs')
  )
}

function replayedHold({ id, state }: Hold): HoldView {
  if (state === 'released') throw outcomeProblem({ outcome: 'rejected', reason: 'hold_released' })
  if (state === 'expired') throw outcomeProblem({ outcome: 'rejected', reason: 'hold_expired' })
  return { transferId: id, state: 'held', replayed: true }
}

/**
 * Posts the hold of a payment, whole. Posting and releasing exclude each other for ever.
 *
 * A hold's accounts and amount never change, so comparing them first and deciding afterwards
 * leaves no gap: the decision is the capture alone.
 */
export async function postHold(
  db: Executor,
  ledger: Ledger,
  request: PostTransferRequest,
): Promise<PostTransferView> {
  const { transferId } = request
  addLogContext({ paymentId: transferId })
  const known = await readLedger(() => ledger.lookup(db, transferId))
  if (known?.kind === 'hold' && !isHoldOf(known.hold, request)) {
    throw problem('transfer-conflict', { detail: 'The money was reserved for another payment' })
  }
  const posted = await ledger.capture(db, { holdId: transferId })
  if (!succeeded(posted)) throw outcomeProblem(posted, partiesOf(request))
  const replayed = posted.outcome === 'replayed'
  addLogContext({ replayed })
  return { transferId, state: 'posted', replayed }
}

/** Decides that a payment never posts, unless it has: the answer is the decision, for ever. */
export async function releaseHold(
  db: Executor,
  ledger: Ledger,
  transferId: string,
): Promise<ReleaseView> {
  addLogContext({ paymentId: transferId })
  const released = await ledger.release(db, { holdId: transferId })
  if (succeeded(released)) return { transferId, state: 'released' }
  if (released.outcome === 'rejected' && released.reason === 'already_captured') {
    return { transferId, state: 'posted' }
  }
  throw outcomeProblem(released)
}

/**
 * The accounts that money moves between. The bank is a party by the kind alone: its id in a payment
 * is that of a user without a wallet, so nobody can pay it and it cannot pay.
 *
 * @throws {@link ProblemError} `validation-failed` when the bank's side names somebody else.
 */
function partiesOf({ kind, fromUserId, toUserId, currency }: PostTransferRequest): Parties {
  const bank = kind === 'top_up' ? fromUserId : toUserId
  if (kind !== 'payment' && bank !== SANDBOX_BANK_ID) {
    throw problem('validation-failed', { detail: `The bank is the other party of a ${kind}` })
  }
  return {
    debitAccountId:
      kind === 'top_up' ? sandboxBankAccountId(currency) : walletAccountId(fromUserId, currency),
    creditAccountId:
      kind === 'withdrawal' ? sandboxBankAccountId(currency) : walletAccountId(toUserId, currency),
  }
}

function isHoldOf(hold: Hold, request: PostTransferRequest): boolean {
  const { debitAccountId, creditAccountId } = partiesOf(request)
  return (
    hold.debitAccountId === debitAccountId &&
    hold.creditAccountId === creditAccountId &&
    hold.currency === request.currency &&
    hold.amountMinor === BigInt(request.amount)
  )
}
