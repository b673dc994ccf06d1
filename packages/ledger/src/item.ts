import { LedgerError } from './errors.ts'
import type { OnReject, TransferInput } from './moves.ts'
import type { Rejected } from './outcomes.ts'
import type { Transfer } from './records.ts'
import { shown } from './shown.ts'
import { metadataText, refuseTransfer } from './validate.ts'

const ON_REJECT: readonly unknown[] = [undefined, 'forget', 'record']

/** A request of a transfer, as it was when it was handed over: the caller may reuse the object. */
export interface Item {
  readonly id: string
  readonly debitAccountId: string
  readonly creditAccountId: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly code: string | null
  /** JSON text. */
  readonly metadata: string | null
  /** ISO 8601. */
  readonly effectiveAt: string | null
  /** Whether a refusal is to be written down. */
  readonly recorded: boolean
}

/**
 * The request as an item, or what is wrong with its shape.
 *
 * @throws {@link LedgerError} for an `onReject` that is none.
 */
export function itemOf(input: TransferInput): Item | Rejected {
  const transfer = Object(input) as TransferInput // a hole in a list has no id, either
  const refusal = refuseTransfer(transfer)
  if (refusal !== null) return refusal
  return {
    // In lower case, as PostgreSQL writes them: ids are compared here.
    id: transfer.id.toLowerCase(),
    debitAccountId: transfer.debitAccountId.toLowerCase(),
    creditAccountId: transfer.creditAccountId.toLowerCase(),
    amountMinor: transfer.amountMinor,
    currency: transfer.currency,
    code: transfer.code ?? null,
    metadata: metadataText(transfer.metadata) ?? null,
    effectiveAt: timeText(transfer.effectiveAt),
    recorded: isRecorded(transfer.onReject),
  }
}

/** What only the server knows of a transfer that it made: the rest, its caller has. */
export interface Decided {
  readonly debitShard: number
  readonly creditShard: number
  readonly debitSeq: bigint
  readonly creditSeq: bigint
  readonly debitBalanceMinor: bigint
  readonly creditBalanceMinor: bigint
  readonly createdAt: Date
}

/** The row of the journal that a request has become. */
export function transferOf(item: Item, decided: Decided): Transfer {
  return {
    kind: 'transfer',
    id: item.id,
    debitAccountId: item.debitAccountId,
    creditAccountId: item.creditAccountId,
    amountMinor: item.amountMinor,
    currency: item.currency,
    code: item.code,
    metadata: item.metadata === null ? null : JSON.parse(item.metadata),
    holdId: null,
    reversesId: null,
    journalId: null,
    leg: null,
    debitShard: decided.debitShard,
    creditShard: decided.creditShard,
    debitSeq: decided.debitSeq,
    creditSeq: decided.creditSeq,
    debitBalanceMinor: decided.debitBalanceMinor,
    creditBalanceMinor: decided.creditBalanceMinor,
    effectiveAt: new Date(item.effectiveAt ?? decided.createdAt),
    createdAt: decided.createdAt,
  }
}

/** As text: a Date would reach PostgreSQL in the local time of this process. */
export const timeText = (time: Date | null | undefined): string | null =>
  time?.toISOString() ?? null

/**
 * Whether a refusal is to be written down.
 *
 * @throws {@link LedgerError} for a policy that is none.
 */
export function isRecorded(onReject: OnReject | undefined): boolean {
  if (ON_REJECT.includes(onReject)) return onReject === 'record'
  const message = `onReject must be 'forget' or 'record': ${shown(onReject)}`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
