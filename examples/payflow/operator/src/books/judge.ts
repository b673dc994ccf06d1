import { differencesOf, type Movement, type Posted } from './posted.ts'

/**
 * The reversal looks once a minute and leaves no payment for longer than its leash of a quarter of
 * an hour; what it cannot decide is worth a look after that.
 */
export const STALE_AFTER_MS = 1_200_000

/** Longer than any deadline of a request, with the time that its twins and retries may take. */
export const REQUEST_MAX_MS = 120_000

/** A payment's row, as far as it is judged. */
export interface JudgedPayment extends Movement {
  readonly status: string
  /** PENDING for longer than the reversal leaves any payment. */
  readonly isStale: boolean
  /** Whether the rows of its refunds add up to more than its own. */
  readonly isOverRefunded: boolean
}

/** In what a payment's row and the ledger disagree, or what is wrong with the row by itself. */
export interface PaymentFault {
  readonly fault:
    | 'stale'
    | 'completed_without_posting'
    | 'failed_with_posting'
    | 'posted_twice'
    | 'posted_otherwise'
    | 'held_though_settled'
    | 'refunded_twice'
  /** What exactly, where the name does not say it. */
  readonly detail?: string
}

/** What the ledger has under a payment's id. To be read after the row: the ledger decides first. */
export interface LedgerOfPayment {
  readonly posted: Posted | undefined
  /** Whether its hold is open. */
  readonly isHeld: boolean
}

/** Holds one payment against the ledger. None when all is well. */
export function faultsOf(payment: JudgedPayment, ledger: LedgerOfPayment): PaymentFault[] {
  const { status, isStale, isOverRefunded } = payment
  const { posted, isHeld } = ledger
  const faults: PaymentFault[] = []
  if (isStale) faults.push({ fault: 'stale' })
  if (status === 'COMPLETED' && !posted) faults.push({ fault: 'completed_without_posting' })
  if (status === 'FAILED' && posted) faults.push({ fault: 'failed_with_posting' })
  if (posted && posted.times > 1) faults.push({ fault: 'posted_twice' })
  // Of one that was posted in parts it is told that it was; no part is all of it.
  const differences = posted?.times === 1 ? differencesOf(payment, posted) : []
  if (differences.length > 0) {
    faults.push({ fault: 'posted_otherwise', detail: differences.join('; ') })
  }
  if (status !== 'PENDING' && isHeld) faults.push({ fault: 'held_though_settled' })
  if (isOverRefunded || posted?.isOverReversed) faults.push({ fault: 'refunded_twice' })
  return faults
}
