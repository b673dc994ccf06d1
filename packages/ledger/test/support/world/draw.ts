import fc from 'fast-check'
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
      readonly do: 'many'
      readonly items: readonly DrawnMovement[]
      readonly chunk: number | null
    }
  | { readonly do: 'open'; readonly account: number; readonly floor: bigint | null }
  /** A request of before, as it was or with one field changed. */
  | { readonly do: 'again'; readonly back: number; readonly change: Change | null }
  | { readonly do: 'lookup' | 'resolve'; readonly id: Ref }
  | { readonly do: 'balance'; readonly account: string }
  | { readonly do: 'balance_at'; readonly account: string; readonly asOf: number }
  | {
      readonly do: 'entries'
      readonly account: string
      readonly after: bigint | null
      readonly limit: number
      readonly newestFirst: boolean
    }

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

const OWN = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5']
const SHARED = ['bank', 'fees', 'till']
/** Numbers of ids: one byte of a UUID has room for them. */
const IDS = 200

const id = fc.nat({ max: IDS - 1 })
const refTo = (of: Ref['of'], any: number): fc.Arbitrary<Ref> =>
  fc.oneof(
    { weight: any, arbitrary: fc.record({ of: fc.constant('any' as const), n: id }) },
    { weight: 10 - any, arbitrary: fc.record({ of: fc.constant(of), n: id }) },
  )
const anyId = fc.record({ of: fc.constant('any' as const), n: id })

const account = fc.oneof(
  { weight: 36, arbitrary: fc.constantFrom(...OWN) },
  { weight: 4, arbitrary: fc.constantFrom(...SHARED) },
  { weight: 2, arbitrary: fc.constantFrom('e0', 'n0', 'n1') },
)
const amount = fc.oneof(
  { weight: 5, arbitrary: fc.bigInt({ min: 1n, max: 60n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 61n, max: 400n }) },
)
// Once in `oneIn`; shrinks to null.
const seldom = <T>(arbitrary: fc.Arbitrary<T>, oneIn: number): fc.Arbitrary<T | null> =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: oneIn - 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary },
  )
const day = 86_400_000
const effectiveAt = seldom(
  fc.integer({ min: -20, max: 20 }).map((days) => SEALED_UNTIL + days * day),
  8,
)

/** No movement may count before it: sealed before any world begins. */
export const SEALED_UNTIL = Date.UTC(2020, 0, 1)

const movement = fc.record({
  do: fc.constantFrom('transfer' as const, 'transfer' as const, 'hold' as const),
  id: anyId,
  debit: account,
  credit: account,
  amount,
  odd: seldom(
    fc.constantFrom<Odd[]>('currency', 'no_currency', 'zero', 'same_account', 'huge'),
    25,
  ),
  code: fc.constantFrom(null, 'payment', 'fee/card'),
  metadata: fc.constantFrom(null, { order: 1 }, { order: 2 }),
  expires: fc.constantFrom<DrawnMovement['expires'][]>('never', 'in_an_hour', 'never', 'soon'),
  effectiveAt,
})
const capture = fc.record({
  do: fc.constant('capture' as const),
  id: fc.option(anyId, { freq: 3 }),
  hold: refTo('hold', 1),
  amount: fc.option(fc.bigInt({ min: 1n, max: 40n }), { freq: 3 }),
  final: fc.constantFrom(null, null, true, false),
  effectiveAt,
})
const release = fc.record({ do: fc.constant('release' as const), hold: refTo('hold', 2) })
const reverse = fc.record({
  do: fc.constant('reverse' as const),
  id: anyId,
  original: refTo('transfer', 1),
  amount: fc.option(fc.bigInt({ min: 1n, max: 40n }), { freq: 3 }),
  code: fc.constantFrom(null, 'refund'),
  effectiveAt,
})
const many = fc.record({
  do: fc.constant('many' as const),
  items: fc.array(movement, { minLength: 1, maxLength: 8, size: 'max' }),
  chunk: seldom(fc.integer({ min: 1, max: 3 }), 4),
})
const open = fc.record({
  do: fc.constant('open' as const),
  account: fc.nat({ max: 3 }),
  floor: fc.constantFrom(null, 0n),
})
const again = fc.record({
  do: fc.constant('again' as const),
  back: fc.nat({ max: 20 }),
  change: seldom(
    fc.constantFrom<Change[]>(
      'amount',
      'credit',
      'code',
      'metadata',
      'expires',
      'final',
      'effectiveAt',
    ),
    3,
  ),
})
const look: fc.Arbitrary<Drawn> = fc.oneof(
  fc.record({ do: fc.constantFrom('lookup' as const, 'resolve' as const), id: anyId }),
  fc.record({
    do: fc.constant('balance_at' as const),
    account,
    asOf: fc.integer({ min: -3, max: 25 }).map((days) => SEALED_UNTIL + days * day),
  }),
  fc.record({ do: fc.constant('balance' as const), account }),
  fc.record({
    do: fc.constant('entries' as const),
    account: fc.constantFrom(...OWN),
    after: fc.option(fc.bigInt({ min: 1n, max: 30n })),
    limit: fc.integer({ min: 1, max: 20 }),
    newestFirst: fc.boolean(),
  }),
)

const write: fc.Arbitrary<Drawn> = fc.oneof(
  { weight: 10, arbitrary: movement },
  { weight: 5, arbitrary: capture },
  { weight: 2, arbitrary: release },
  { weight: 3, arbitrary: reverse },
  { weight: 1, arbitrary: many },
  { weight: 1, arbitrary: open },
  { weight: 4, arbitrary: again },
)

const cut = fc.record({
  kind: fc.constant('cut' as const),
  at: fc.constantFrom<CutAt[]>(
    'before_statement',
    'before_sync',
    'in_flight',
    'before_answer',
    'before_answer',
    'mid_answer',
    'before_ready',
  ),
  reset: fc.boolean(),
})
const strike = fc.record({
  kind: fc.constant('strike' as const),
  strike: fc.constantFrom<Strike[]>('40001', '40P01', '55P03', '57014', 'cancel', 'kill'),
  at: fc.constantFrom<StrikeAt[]>('any', 'account', 'transfer', 'hold', 'commit'),
})
const drop = fc.record({ kind: fc.constant('drop' as const), reset: fc.boolean() })
const locked = fc.record({
  kind: fc.constant('locked' as const),
  ends: fc.constantFrom('lock_timeout' as const, 'statement_timeout' as const, 'kill' as const),
})
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 8, arbitrary: cut },
  { weight: 10, arbitrary: strike },
  { weight: 6, arbitrary: fc.constant({ kind: 'twin' as const }) },
  { weight: 1, arbitrary: drop },
  { weight: 1, arbitrary: locked },
)
const unitFault: fc.Arbitrary<UnitFault> = fc.record({
  step: fc.nat({ max: 4 }),
  fault: fc.oneof(
    { weight: 5, arbitrary: cut },
    { weight: 5, arbitrary: strike },
    { weight: 1, arbitrary: drop },
  ),
})

/** One operation; `faultOneIn` of them meet a fault. */
export const operation = (faultOneIn: number): fc.Arbitrary<Operation> =>
  fc.oneof(
    { withCrossShrink: true },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('one' as const),
        drawn: write,
        fault: seldom(fault, faultOneIn),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('one' as const),
        drawn: look,
        fault: fc.constant(null),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('unit' as const),
        drawn: fc.array(write, { minLength: 1, maxLength: 4 }),
        commit: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
        by: fc.constantFrom('transaction' as const, 'run' as const),
        lock: fc.boolean(),
        isolation: seldom(fc.constantFrom('repeatable read' as const, 'serializable' as const), 4),
        fault: seldom(unitFault, 3),
      }),
    },
  )
