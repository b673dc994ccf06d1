import {
  decodeHoldResult,
  decodePosted,
  decodeReleaseResult,
  decodeTransferResult,
} from './decode.ts'
import type { Executor } from './executor.ts'
import { isRecorded, itemOf, timeText } from './item.ts'
import type { AmountMinor } from './minor.ts'
import type { HoldResult, ReleaseResult, TransferResult } from './outcomes.ts'
import type { Metadata } from './records.ts'
import { requireObject } from './require-object.ts'
import { call } from './sql/call.ts'
import { read, write } from './statement.ts'
import {
  metadataText,
  refuseCapture,
  refuseHold,
  refuseRelease,
  refuseReverse,
} from './validate.ts'
import { oneOf, within } from './within.ts'

const EXPIRE_MAX = 10_000
const FINAL = [true, false, undefined]
const MOVEMENT = ['uuid', 'uuid', 'uuid', 'bigint', 'text', 'text', 'jsonb']

/** What a transfer and a hold have in common. `C`: its currency, where the type knows it. */
export interface MovementInput<C extends string = string> {
  /**
   * UUID, made and stored by the caller before the call: the key to safe retries. Version 7 keeps
   * the index warm.
   */
  readonly id: string
  readonly debitAccountId: string
  readonly creditAccountId: string
  /** Minor units, 1 … 2^63−1. A `number` is refused, and so is a `Minor` of another currency. */
  readonly amountMinor: AmountMinor<NoInfer<C>>
  /** Must be the currency of both accounts. */
  readonly currency: C
  /** Your name for this sort of movement: 1–64 characters of `A–Z a–z 0–9 . _ : / -`. */
  readonly code?: string | null
  /** Kept with the row and part of what a replay is compared with; at most 16 KiB as JSON. */
  readonly metadata?: Metadata | null
  /**
   * `forget`: a refused request leaves nothing behind, and the same one may succeed when it is sent
   * again (funds may have arrived in between). `record`: the refusal is written down under the id,
   * which then answers `previously_rejected` for ever. Of a refusal by shape (group 1 of
   * {@link RejectionReason}) nothing is ever kept; and inside a transaction that rolls back, neither
   * is a refusal.
   * @defaultValue `'forget'`
   */
  readonly onReject?: OnReject
}

/** What becomes of the id of a request that is refused by the state of its accounts. */
export type OnReject = 'forget' | 'record'

/** Request of {@link LedgerMoves.transfer}. */
export interface TransferInput<C extends string = string> extends MovementInput<C> {
  /**
   * When it counts, where that is not now: a date of 1970 … 9999 in no sealed period. Milliseconds.
   * @defaultValue the time at which it is recorded
   */
  readonly effectiveAt?: Date | null
}

/** Several transfers, each with a currency of its own. `Cs`: those, where the type knows them. */
export type TransferInputs<Cs extends readonly string[] = readonly string[]> = {
  readonly [I in keyof Cs]: TransferInput<Cs[I]>
}

/** Request of {@link LedgerMoves.hold}. */
export interface HoldInput<C extends string = string> extends MovementInput<C> {
  /**
   * Life of the hold in milliseconds, by PostgreSQL's clock from the moment it is placed; 1 … ten
   * years.
   * @defaultValue `null`: it stays until captured or released
   */
  readonly expiresInMs?: number | null
}

/** Request of {@link LedgerMoves.capture}. */
export interface CaptureInput {
  readonly holdId: string
  /**
   * Id of the transfer that this capture writes. A hold captured once needs none: its transfer then
   * has the id of the hold, so that one payment id names both.
   * @defaultValue `holdId`
   */
  readonly id?: string
  /**
   * How much to post; at most what remains.
   * @defaultValue everything that remains
   */
  readonly amountMinor?: bigint
  /**
   * Give the rest back and settle the hold.
   * @defaultValue `false` with an amount, `true` without
   */
  readonly final?: boolean
  /** As of a transfer: when the posting counts, where that is not now. */
  readonly effectiveAt?: Date | null
}

/** Request of {@link LedgerMoves.reverse}. */
export interface ReverseInput {
  /** UUID, made and stored by the caller before the call. */
  readonly id: string
  /** The transfer, capture or leg of a journal to give back. */
  readonly transferId: string
  /**
   * How much to give back; at most what earlier reversals have left.
   * @defaultValue everything that is left
   */
  readonly amountMinor?: bigint
  /** As of a transfer. */
  readonly code?: string | null
  /** As of a transfer. */
  readonly metadata?: Metadata | null
  /** As of a transfer: when the reversal counts, where that is not now. */
  readonly effectiveAt?: Date | null
}

/** Verbs that move or reserve money. */
export interface LedgerMoves {
  /**
   * Moves money from one account to another: debit and credit in one journal row.
   *
   * @throws {@link LedgerError} inside a transaction for lock time-outs, deadlocks, serialization
   * failures and lost connections; anywhere when the ledger is not migrated.
   */
  transfer<C extends string>(db: Executor, transfer: TransferInput<C>): Promise<TransferResult>
  /**
   * Reserves money for a later {@link LedgerMoves.capture}. It counts against both accounts' limits
   * until it is captured, released or expired; from the instant of its expiry it does not, whether
   * or not anything has cleaned it up.
   */
  hold<C extends string>(db: Executor, hold: HoldInput<C>): Promise<HoldResult>
  /**
   * Posts a hold, whole or in parts. A capture and a release of one hold exclude each other for
   * ever: whichever commits first is the decision.
   */
  capture(db: Executor, capture: CaptureInput): Promise<TransferResult>
  /**
   * Makes sure the id never posts (any more). An open hold gives its money back; an id never seen
   * gets a tombstone, so that a hold or transfer that arrives late is refused. If it has posted
   * already, the answer is `already_captured` with the transfer. Of a hold captured in part, the
   * rest is given back.
   */
  release(db: Executor, release: { readonly holdId: string }): Promise<ReleaseResult>
  /**
   * Gives back what a transfer, a capture or a leg of a journal has moved, in part or whole, in as
   * many calls as you like: the sum never passes the original, by a constraint of the database. A
   * reversal is a journal row of its own, linked to the original, and an ordinary movement for both
   * accounts: a payee who has spent the money is `insufficient_funds`.
   *
   * A reversal cannot be reversed (`not_reversible`): make a transfer.
   */
  reverse(db: Executor, reversal: ReverseInput): Promise<TransferResult>
  /**
   * Settles holds whose time is up: housekeeping that keeps balances quick to compute. Money is
   * right without it.
   *
   * @returns how many were settled; call again while it equals `limit`.
   */
  expireHolds(db: Executor, options?: { readonly limit?: number }): Promise<{ expired: number }>
}

/** The verbs of {@link LedgerMoves} on a schema. */
export function movesOf(s: string): LedgerMoves {
  const calls = {
    transfer: call(s, 'transfer', ...MOVEMENT, 'timestamptz', 'boolean'),
    hold: call(s, 'hold', ...MOVEMENT, 'bigint', 'boolean'),
    capture: call(s, 'capture', 'uuid', 'uuid', 'bigint', 'boolean', 'timestamptz'),
    release: call(s, 'release', 'uuid'),
    reverse: call(s, 'reverse', 'uuid', 'uuid', 'bigint', 'text', 'jsonb', 'timestamptz'),
    expireHolds: call(s, 'expire_holds', 'integer'),
  }
  return {
    async transfer(db, t) {
      const item = itemOf(requireObject('transfer', t))
      if ('outcome' in item) return item
      const parameters = [
        item.id,
        item.debitAccountId,
        item.creditAccountId,
        item.amountMinor,
        item.currency,
        item.code,
        item.metadata,
        item.effectiveAt,
        item.recorded,
      ]
      return write(db, t.id, calls.transfer, parameters, (json) => decodePosted(json, item))
    },
    async hold(db, h) {
      const refusal = refuseHold(requireObject('hold', h))
      if (refusal !== null) return refusal
      const what = [h.amountMinor, h.currency, h.code ?? null, metadataText(h.metadata)]
      const ends = [h.expiresInMs ?? null, isRecorded(h.onReject)]
      const parameters = [h.id, h.debitAccountId, h.creditAccountId, ...what, ...ends]
      return write(db, h.id, calls.hold, parameters, decodeHoldResult)
    },
    async capture(db, c) {
      const refusal = refuseCapture(requireObject('capture', c))
      if (refusal !== null) return refusal
      const id = c.id ?? c.holdId
      const final = oneOf('final', c.final, FINAL) ?? c.amountMinor === undefined
      const parameters = [id, c.holdId, c.amountMinor ?? null, final, timeText(c.effectiveAt)]
      return write(db, id, calls.capture, parameters, decodeTransferResult)
    },
    async release(db, r) {
      const refusal = refuseRelease(requireObject('release', r))
      if (refusal !== null) return refusal
      return write(db, r.holdId, calls.release, [r.holdId], decodeReleaseResult)
    },
    async reverse(db, r) {
      const refusal = refuseReverse(requireObject('reverse', r))
      if (refusal !== null) return refusal
      const what = [r.amountMinor ?? null, r.code ?? null, metadataText(r.metadata)]
      const parameters = [r.id, r.transferId, ...what, timeText(r.effectiveAt)]
      return write(db, r.id, calls.reverse, parameters, decodeTransferResult)
    },
    async expireHolds(db, options = {}) {
      const limit = within('limit', options.limit ?? EXPIRE_MAX / 10, EXPIRE_MAX)
      return read(db, calls.expireHolds, [limit], (json) => json as { expired: number })
    },
  }
}
