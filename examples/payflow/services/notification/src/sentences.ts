import type { FailureCode } from '@payflow-app/contracts'
import type { NotificationRow } from './database.ts'

/** Why a payment failed, as the rest of a sentence. One that was reversed has its own. */
const reasons: Readonly<Record<Exclude<FailureCode, 'reversed_timeout'>, string>> = {
  insufficient_funds: 'your balance was too low',
  sender_unavailable: 'your wallet cannot send money at the moment',
  recipient_unavailable: 'the recipient cannot receive money at the moment',
  hold_released: 'the reserved money had been released',
  hold_expired: 'the reservation of the money had expired',
  hold_unknown: 'no money had been reserved for it',
  refund_exceeds_payment: 'less than that was left of the payment to refund',
  refund_refused: 'it could not be made when it was tried',
  transfer_conflict: 'it did not match what had been reserved',
}

/** What a sentence is made of. */
type Told = Pick<NotificationRow, 'kind' | 'amountMinor' | 'currency' | 'failureCode'>

/** A notification as a sentence. It names no one: the page knows names, this service does not. */
export function sentenceOf(row: Told): string {
  const amount = formatAmount(Number(row.amountMinor), row.currency)
  switch (row.kind) {
    case 'payment_sent':
      return `Your payment of ${amount} has arrived.`
    case 'payment_received':
      return `You have received ${amount}.`
    case 'payment_failed':
      return failure(row, `payment of ${amount}`, 'No money has left your wallet.')
    case 'top_up_completed':
      return `You have topped up your wallet with ${amount}.`
    case 'top_up_failed':
      return failure(row, `top-up of ${amount}`, 'Nothing was taken from your bank.')
    case 'withdrawal_completed':
      return `You have withdrawn ${amount} to your bank.`
    case 'withdrawal_failed':
      return failure(row, `withdrawal of ${amount}`, 'No money has left your wallet.')
    case 'refund_sent':
      return `Your refund of ${amount} has arrived.`
    case 'refund_received':
      return `You have been refunded ${amount}.`
    case 'refund_failed':
      return failure(row, `refund of ${amount}`, 'No money has left your wallet.')
  }
}

/** What failed and why, and where the money is. */
function failure({ failureCode }: Told, what: string, money: string): string {
  if (failureCode === 'reversed_timeout') {
    return `We could not complete your ${what} in time; your money was not moved.`
  }
  const reason = failureCode === null ? '' : `: ${reasons[failureCode]}`
  return `Your ${what} failed${reason}. ${money}`
}

/** Making one takes longer than all the rest of a sentence. There are as many as currencies. */
const formats = new Map<string, Intl.NumberFormat>()

/** Writes minor units with the decimals and the sign of their currency, for example `$50.00`. */
function formatAmount(amountMinor: number, currency: string): string {
  let format = formats.get(currency)
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', { style: 'currency', currency })
    formats.set(currency, format)
  }
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2
  return format.format(amountMinor / 10 ** decimals)
}
