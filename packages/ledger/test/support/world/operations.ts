import type { OnReject } from '../model/requests.ts'
import type { Strike, StrikeAt } from '../server-faults.ts'
import type { CutAt } from '../wire/fault-proxy.ts'

/*
 * What a client does, as drawn: with references ("the third hold there is") that become names only
 * when the sequence is played, so that most requests are about something, also in a sequence that
 * has been shrunk.
 */

/** A name: of any id, or of the n-th thing of a kind, if there is one. */
export interface Ref {
  readonly of: 'any' | 'hold' | 'transfer'
  readonly n: number
}

/** One thing wrong with a movement on purpose. */
export type Odd = 'currency' | 'no_currency' | 'zero' | 'same_account' | 'huge'

export interface DrawnMovement {
  readonly do: 'transfer' | 'hold'
  readonly id: Ref
  readonly debit: string
  readonly credit: string
  readonly amount: bigint
  readonly odd: Odd | null
  readonly code: string | null
  readonly metadata: { readonly order: number } | null
  readonly expires: 'never' | 'soon' | 'in_an_hour'
  readonly effectiveAt: number | null
  readonly onReject: OnReject
}

export type Drawn =
  | DrawnMovement
  | {
      readonly do: 'capture'
      readonly id: Ref | null
      readonly hold: Ref
      readonly amount: bigint | null
      readonly final: boolean | null
      readonly effectiveAt: number | null
    }
  | { readonly do: 'release'; readonly hold: Ref }
  | {
      readonly do: 'reverse'
      readonly id: Ref
      readonly original: Ref
      readonly amount: bigint | null
      readonly code: string | null
      readonly effectiveAt: number | null
    }
  | {
      readonly do: 'many' | 'batched'
      readonly items: readonly DrawnMovement[]
      readonly chunk: number | null
    }
  | {
      readonly do: 'journal'
      /** Journals have ids of their own. */
      readonly id: number
      readonly legs: readonly DrawnMovement[]
      readonly code: string | null
      readonly effectiveAt: number | null
    }
  | {
      readonly do: 'open'
      readonly account: number
      readonly floor: bigint | null
      readonly shards: number | null
    }
  | {
      readonly do: 'freeze' | 'unfreeze'
      readonly account: string
      readonly sides: 'debits' | 'credits' | 'both'
    }
  | {
      readonly do: 'limits'
      readonly account: string
      readonly floor: bigint | null | undefined
      readonly ceiling: bigint | null | undefined
    }
  | { readonly do: 'close'; readonly account: string }
  /** A request of before, as it was or with one field changed. */
  | { readonly do: 'again'; readonly back: number; readonly change: Change | null }
  | { readonly do: 'lookup' | 'resolve'; readonly id: Ref }
  | { readonly do: 'account' | 'balance'; readonly account: string }
  | { readonly do: 'balance_at'; readonly account: string; readonly asOf: number }
  | {
      readonly do: 'entries'
      readonly account: string
      readonly after: bigint | null
      readonly limit: number
      readonly newestFirst: boolean
    }

/** Before this time no movement may count: sealed before any world begins. */
export const SEALED_UNTIL: number = Date.UTC(2020, 0, 1)

export type Change = 'amount' | 'credit' | 'code' | 'metadata' | 'expires' | 'final' | 'effectiveAt'

/** What goes wrong while a request is under way. */
export type Fault =
  | { readonly kind: 'cut'; readonly at: CutAt; readonly reset: boolean }
  | { readonly kind: 'strike'; readonly strike: Strike; readonly at: StrikeAt }
  /** Somebody else holds the lock of an account of the request. */
  | { readonly kind: 'locked'; readonly ends: 'lock_timeout' | 'statement_timeout' | 'kill' }
  /** The connection was lost while nobody used it. */
  | { readonly kind: 'drop'; readonly reset: boolean }
  /** The same request from two connections at the same time. */
  | { readonly kind: 'twin' }

export type Operation =
  | { readonly kind: 'one'; readonly drawn: Drawn; readonly fault: Fault | null }
  | Unit

/** Several requests in one transaction, of the caller's own or of `run`. */
export interface Unit {
  readonly kind: 'unit'
  readonly drawn: readonly Drawn[]
  readonly commit: boolean
  readonly by: 'transaction' | 'run'
  /** Begin with `lock`, naming every account. */
  readonly lock: boolean
  readonly isolation: 'repeatable read' | 'serializable' | null
  readonly fault: UnitFault | null
}

export interface UnitFault {
  /** Before which request; as many as there are, or more: at the end. */
  readonly step: number
  readonly fault: Exclude<Fault, { kind: 'twin' | 'locked' }>
}
