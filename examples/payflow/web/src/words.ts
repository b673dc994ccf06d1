/** What the page says about payments, in one place and in plain words. */
import type {
  FailureCode,
  PaymentFlow,
  PaymentKind,
  PaymentStatus,
  StatementKind,
  TransactionDetails,
  TransactionView,
} from '@payflow-app/contracts'
import type { DeskPhase } from './payment-desk.ts'
import type { Problem } from './api/problem.ts'

/** The sentence every accepted payment is answered with. */
export const acceptedMessage = 'Transaction received. Processing.'

export const statusWord: Readonly<Record<PaymentStatus, string>> = {
  PENDING: 'Pending',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
}

export const kindWord: Readonly<Record<PaymentKind, string>> = {
  payment: 'Payment',
  top_up: 'Top-up',
  withdrawal: 'Withdrawal',
  refund: 'Refund',
}

export const statementWord: Readonly<Record<StatementKind, string>> = {
  ...kindWord,
  opening_credit: 'Opening credit',
  other: 'Other',
}

const failureReasons: Readonly<Record<FailureCode, string>> = {
  insufficient_funds: 'The available balance was smaller than the amount.',
  sender_unavailable: 'The sending wallet can’t send money at the moment.',
  recipient_unavailable: 'The recipient’s wallet can’t receive money at the moment.',
  hold_released: 'The money set aside for this payment had already been given back.',
  hold_expired: 'The money was set aside for too long, so it was given back.',
  hold_unknown: 'No money had been set aside for this payment.',
  transfer_conflict: 'This payment’s number is already in use for another transfer.',
  refund_exceeds_payment: 'Less than that was left of the payment to refund.',
  refund_refused: 'This refund could not be made when it was tried.',
  reversed_timeout: 'We could not complete this in time; your money was not moved.',
}

/**
 * Why a payment failed. A code that this page doesn't know yet still gets a sentence, and so does
 * none: only who asked for a payment is told the reason.
 */
export function failureReason(code: FailureCode | undefined): string {
  if (code === undefined) return 'The reason is told only to whoever asked for it.'
  return failureReasons[code] ?? `The reason given is “${code}”.`
}

/** Whether the same person gains anything by trying the same payment again. */
export function mayTryAgain(code: FailureCode | undefined): boolean {
  return code !== 'sender_unavailable' && code !== 'recipient_unavailable'
}

/** What is said to everybody while payments as a whole are out of order. */
export function flowText(flow: PaymentFlow | undefined): string | null {
  switch (flow) {
    case 'reversing':
      return 'Payments are currently being reversed. What you send now may not be completed; your money stays safe.'
    case 'stalled':
      return 'Payments take longer than usual at the moment. Each ends by itself; nothing is lost.'
    case 'normal':
    case undefined:
      return null
  }
}

const refusals: Readonly<Record<string, string>> = {
  insufficient_funds: 'Your available balance is smaller than this amount.',
  recipient_unavailable: 'This person can’t receive money at the moment.',
  refund_exceeds_payment: 'Less than that is left of this payment to refund.',
  refund_limit_reached: 'This payment has been refunded too often.',
  not_refundable: 'This can’t be refunded.',
  sender_unavailable: 'Your wallet can’t send money at the moment.',
  self_transfer: 'You can’t send money to yourself.',
  idempotency_key_reused: 'This payment’s key was used for another payment before.',
}

/** Why a payment was not accepted. */
export function refusalReason(problem: Problem): string {
  return refusals[problem.code] ?? problem.detail
}

/**
 * Whether a refusal proves that nothing was paid. A reused key belongs to some payment, so for that
 * one the history has to be looked at.
 */
export function nothingWasPaid(problem: Problem): boolean {
  return problem.code !== 'idempotency_key_reused'
}

/** What the desk is doing about a payment, for the person who waits. */
export function phaseText(phase: DeskPhase): string {
  switch (phase.kind) {
    case 'kept':
      return 'It was sent, but its answer did not arrive. Asking again can’t pay twice.'
    case 'sending':
      return phase.attempt === 1 ? 'Sending…' : 'Asking again, with the same key…'
    case 'waiting':
      return 'No final answer yet. It is asked for again by itself, which can’t pay twice.'
    case 'offline':
      return 'You are offline. It goes on by itself when the connection is back.'
    case 'stopped':
      return 'There was no final answer for several minutes. The payment’s key is kept safe here.'
    case 'sign-in':
      return 'Log in again to get the answer.'
    case 'accepted':
      return acceptedMessage
    case 'refused':
      return refusalReason(phase.problem)
  }
}

/** Which way the money goes, seen from `userId`. */
export function direction(payment: TransactionView, userId: string): 'in' | 'out' {
  return payment.toUserId === userId ? 'in' : 'out'
}

/** How much of a payment `userId` may still refund, in minor units; 0 when that is not theirs to do. */
export function leftToRefund(payment: TransactionDetails, userId: string): number {
  const { kind, status, toUserId, amount, refundedAmount = 0, refunds = [] } = payment
  if (kind !== 'payment' || status !== 'COMPLETED' || toUserId !== userId) return 0
  // What is on its way is as good as refunded here; the ledger decides.
  const waiting = refunds.filter((refund) => refund.status === 'PENDING')
  return amount - refundedAmount - waiting.reduce((sum, refund) => sum + refund.amount, 0)
}
