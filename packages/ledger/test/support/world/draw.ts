import fc from 'fast-check'
import type { OnReject } from '../model/requests.ts'
import type { Strike, StrikeAt } from '../server-faults.ts'
import type { CutAt } from '../wire/fault-proxy.ts'
import {
  type Change,
  type Drawn,
  type DrawnMovement,
  type Fault,
  type Odd,
  type Operation,
  type Ref,
  SEALED_UNTIL,
  type UnitFault,
} from './operations.ts'

/* How often a client does what: weights, and the values that requests are made of. */

const EXACT = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5']
const SHARDED = ['s0', 's1']
const SHARED = ['bank', 'fees', 'till', 'pool']
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
  { weight: 32, arbitrary: fc.constantFrom(...EXACT) },
  { weight: 6, arbitrary: fc.constantFrom(...SHARDED) },
  { weight: 5, arbitrary: fc.constantFrom(...SHARED) },
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
  onReject: fc.constantFrom<OnReject[]>('forget', 'forget', 'record'),
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
  do: fc.constantFrom('many' as const, 'batched' as const),
  items: fc.array(movement, { minLength: 1, maxLength: 8, size: 'max' }),
  chunk: seldom(fc.integer({ min: 1, max: 3 }), 4),
})
const journal = fc.record({
  do: fc.constant('journal' as const),
  id: fc.nat({ max: 30 }),
  legs: fc.array(movement, { minLength: 1, maxLength: 5, size: 'max' }),
  code: fc.constantFrom(null, 'payout'),
  effectiveAt,
})
const open = fc.record({
  do: fc.constant('open' as const),
  account: fc.nat({ max: 3 }),
  floor: fc.constantFrom(null, 0n),
  shards: fc.constantFrom(null, null, 2),
})
const changeable = fc.constantFrom('a1', 'a2', 'a4', 'a5', 's0', 's1', 'n0', 'n1', 'n2')
const limit = (...values: bigint[]) => fc.constantFrom(undefined, undefined, null, ...values)
const change: fc.Arbitrary<Drawn> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      // Thawed more often than frozen, or soon nothing would move.
      do: fc.constantFrom('freeze' as const, 'unfreeze' as const, 'unfreeze' as const),
      account: changeable,
      sides: fc.constantFrom('debits' as const, 'credits' as const, 'both' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('limits' as const),
      account: changeable,
      floor: limit(0n, -100n, 50n),
      ceiling: limit(100n, 1_000n, 0n),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('close' as const), account: changeable }),
  },
)
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
  fc.record({ do: fc.constantFrom('balance' as const, 'account' as const), account }),
  fc.record({
    do: fc.constant('entries' as const),
    account: fc.constantFrom(...EXACT),
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
  { weight: 2, arbitrary: many },
  { weight: 1, arbitrary: journal },
  { weight: 1, arbitrary: open },
  { weight: 2, arbitrary: change },
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
