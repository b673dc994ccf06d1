import { PaymentExecute } from '@payflow-app/contracts/messages'
import { addLogContext, problem, type Logger, type Probe } from '@payflow-app/service-kit'
import type { Bus } from '@payflow/queue'
import type { Kysely } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import type { AmountLimits } from './amount-limits.ts'
import type { Claim, PaymentRow, Refusal, TransactionDatabase } from './database.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { PaymentRequest } from './payment-request.ts'
import { reserve } from './reserve.ts'
import { claimKey } from './sql/claim-key.ts'
import { findClaim } from './sql/find-claim.ts'
import { findPayment } from './sql/find-payment.ts'
import { insertPayment } from './sql/insert-payment.ts'
import { refuseClaim } from './sql/refuse-claim.ts'
import type { WalletClient } from './wallet-client.ts'

/** What {@link createPayment} works with. */
export interface CreatePaymentOptions {
  readonly db: Kysely<TransactionDatabase>
  readonly bus: Pick<Bus, 'outbox' | 'wake'>
  readonly wallet: WalletClient
  readonly holdExpiresMs: number
  readonly limits: AmountLimits
  readonly logger: Logger
  readonly probe: Probe
}

/** How a request for a payment ended. `replayed` answers repeat an earlier one. */
export type CreatePaymentResult =
  | { readonly outcome: 'accepted'; readonly replayed: boolean; readonly payment: PaymentRow }
  | { readonly outcome: 'refused'; readonly replayed: boolean; readonly refusal: Refusal }

/**
 * Accepts a payment: once for each (user, key), whoever asks how often, and whatever dies meanwhile.
 *
 * 1. Claim the key: the payment's id is written down before anything is done under it.
 * 2. Hold the money under that id. A retry after a crash holds nothing a second time. A refund
 *    holds nothing: its id alone can be released, and then it never posts.
 * 3. Payment and message in one transaction, which only the first to get there can commit.
 *
 * No lease and no waiting: twins do the same idempotent steps side by side, and step 3, or the
 * refusal in its place, is decided once by the lock on the claim's row.
 *
 * @throws {@link ProblemError} 422 `idempotency-key-reused`; 503 or an {@link UpstreamError} when it
 * is undecided and the same request with the same key should be sent again.
 */
export async function createPayment(
  options: CreatePaymentOptions,
  request: PaymentRequest,
): Promise<CreatePaymentResult> {
  const { db, probe } = options
  const { claim, isNew } = await claimOrFind(db, request)
  const { paymentId } = claim
  addLogContext({ paymentId })
  const decided = isNew ? undefined : await findDecision(db, claim)
  if (decided) return decided
  await probe('payment.claimed', { paymentId })
  const reserved = await reserve(options, request, paymentId)
  if (reserved.outcome === 'refused') {
    return await refuse(options, request, claim, reserved.refusal)
  }
  await probe('payment.held', { paymentId })
  return await accept(options, { ...request, amount: reserved.amount }, claim)
}

async function claimOrFind(
  db: Kysely<TransactionDatabase>,
  request: PaymentRequest,
): Promise<{ claim: Claim; isNew: boolean }> {
  const { userId, key } = request
  const fingerprint = fingerprintOf(request)
  const paymentId = uuidv7()
  if (await claimKey(db, { userId, key, paymentId, fingerprint })) {
    return { claim: { paymentId, fingerprint, refusal: null }, isNew: true }
  }
  const claim = await existingClaim(db, request)
  if (!claim.fingerprint.equals(fingerprint)) {
    throw problem('idempotency-key-reused', {
      detail: 'The key was used with another request. Make a new key for a new payment.',
    })
  }
  return { claim, isNew: false }
}

async function accept(
  options: CreatePaymentOptions,
  request: PaymentRequest & { readonly amount: number },
  claim: Claim,
): Promise<CreatePaymentResult> {
  const { db, bus, probe } = options
  const { kind, fromUserId, toUserId, amount, currency, note } = request
  const refundOf = request.kind === 'refund' ? request.refundOf : undefined
  const { paymentId } = claim
  const messageId = uuidv7()
  const payment = await db.transaction().execute(async (trx) => {
    const contents = { fromUserId, toUserId, amount, currency }
    const inserted = await insertPayment(trx, {
      id: paymentId,
      kind,
      ...contents,
      note,
      refundOf,
      messageId,
    })
    if (!inserted) return undefined
    await bus.outbox(trx).publish(PaymentExecute, { paymentId, ...contents }, { id: messageId })
    return inserted
  })
  if (!payment) return await decisionOfTwin(options, request)
  await probe('payment.written', { paymentId })
  bus.wake()
  return { outcome: 'accepted', replayed: false, payment }
}

async function refuse(
  options: CreatePaymentOptions,
  request: PaymentRequest,
  claim: Claim,
  refusal: Refusal,
): Promise<CreatePaymentResult> {
  await options.probe('payment.refused', { paymentId: claim.paymentId })
  const decided = await refuseClaim(options.db, claim.paymentId, refusal)
  if (!decided) return await decisionOfTwin(options, request)
  await sealRefused(options, claim)
  return { outcome: 'refused', replayed: false, refusal }
}

/** Somebody with the same key was faster: what they decided is everybody's answer. */
async function decisionOfTwin(
  options: CreatePaymentOptions,
  request: PaymentRequest,
): Promise<CreatePaymentResult> {
  const { db } = options
  const claim = await existingClaim(db, request)
  const decision = await findDecision(db, claim)
  if (!decision) throw new Error('A claim that was decided has neither a payment nor a refusal')
  if (decision.outcome === 'refused') await sealRefused(options, claim)
  return decision
}

/**
 * Makes sure that no money is held under a payment that was refused: a twin may hold some, or a
 * call that nobody waits for any more may be about to. It would come back when the hold expires;
 * there is no reason to let it wait.
 */
async function sealRefused(
  { wallet, logger }: CreatePaymentOptions,
  { paymentId }: Claim,
): Promise<void> {
  await wallet.release(paymentId).catch((error: unknown) => {
    logger.warn({ err: error }, 'a hold without a payment is left to expire')
  })
}

async function existingClaim(
  db: Kysely<TransactionDatabase>,
  { userId, key }: PaymentRequest,
): Promise<Claim> {
  const claim = await findClaim(db, userId, key)
  if (claim) return claim
  throw new Error('A claim that was there is gone; claims are never deleted')
}

async function findDecision(
  db: Kysely<TransactionDatabase>,
  { paymentId, refusal }: Claim,
): Promise<CreatePaymentResult | undefined> {
  if (refusal) return { outcome: 'refused', replayed: true, refusal }
  const payment = await findPayment(db, paymentId)
  return payment && { outcome: 'accepted', replayed: true, payment }
}
