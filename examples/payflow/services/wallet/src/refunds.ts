import type { PostRefundRequest, PostTransferView } from '@payflow-app/contracts'
import { addLogContext, problem } from '@payflow-app/service-kit'
import type { Executor, Hold, Ledger } from '@payflow/ledger'
import { walletAccountId } from './account-ids.ts'
import { outcomeProblem } from './outcome-problems.ts'
import { succeeded } from './succeeded.ts'
import { readLedger } from './wallet-view.ts'

/**
 * Gives a posted payment back, in part or whole, by a reversal that is linked to it: however many
 * refunds come at once, together they never exceed the payment. The same id and the same refund
 * again is a replay; an id that was released can never refund.
 *
 * The two parties must be those of the payment, the other way round. What a payment moved between
 * whom never changes, so comparing first and deciding afterwards leaves no gap.
 */
export async function postRefund(
  db: Executor,
  ledger: Ledger,
  request: PostRefundRequest,
): Promise<PostTransferView> {
  const { transferId, paymentId, amount } = request
  addLogContext({ paymentId: transferId })
  const known = await readLedger(() => ledger.lookup(db, paymentId))
  if (known?.kind === 'hold' && !isPaymentOf(known.hold, request)) {
    throw problem('transfer-conflict', { detail: 'The payment was between other parties' })
  }
  const reversed = await ledger.reverse(db, {
    id: transferId,
    transferId: paymentId,
    amountMinor: BigInt(amount),
    code: 'refund',
  })
  if (!succeeded(reversed)) throw outcomeProblem(reversed, partiesOf(request))
  const replayed = reversed.outcome === 'replayed'
  addLogContext({ replayed })
  return { transferId, state: 'posted', replayed }
}

/** The accounts that the refund moves money between. */
function partiesOf({ fromUserId, toUserId, currency }: PostRefundRequest) {
  return {
    debitAccountId: walletAccountId(fromUserId, currency),
    creditAccountId: walletAccountId(toUserId, currency),
  }
}

function isPaymentOf(hold: Hold, request: PostRefundRequest): boolean {
  const { debitAccountId, creditAccountId } = partiesOf(request)
  return hold.debitAccountId === creditAccountId && hold.creditAccountId === debitAccountId
}
