/** Who takes part, and how much may go wrong. */
export interface Scope {
  readonly requests: number
  readonly workers: number
  readonly jobs: number
  readonly faults: number
}

/** One run of Spin. */
export interface Check {
  readonly name: string
  /** What is checked, or what is taken away, in words. */
  readonly what: string
  readonly scope: Scope
  /** The guard that is taken away; none when the protocol is whole. */
  readonly without?: string
  /** Checks this formula under weak fairness, instead of every state. */
  readonly formula?: Formula
  /** Looks at moving states only, not at what is left when nothing can happen any more. */
  readonly exceptAtRest?: boolean
  /** The property that must be found broken; none when all must hold. */
  readonly breaks?: Property
}

/** The formulas of spec/payment.pml, and what each says. */
export const formulas = {
  ends: 'every accepted payment ends',
  frees: 'money that is held is moved or free again',
  drains: 'no message stays in a queue',
} as const

/** The assertions of spec/payment.pml by their names there, and what each says. */
export const assertions = {
  'posted-once': 'the money moves at most once',
  'completed-posted': 'what is COMPLETED has been posted',
  'failed-never-posted': 'what is FAILED has not been posted, and never is',
  'released-never-posted': 'what is released has not been posted, and never is',
  'posted-accepted': 'what was refused, or never accepted, is not posted',
  'told-once': 'the end of a payment is told once, with the record of it',
  'message-kept': 'a message the broker took is there until it is recorded',
  'rest-ended': 'at rest: no payment is PENDING',
  'rest-posted-completed': 'at rest: posted if and only if COMPLETED',
  'rest-money-free': 'at rest: no money is held',
  'rest-message-written': 'at rest: an accepted payment has its message',
  'rest-nothing-waits': 'at rest: no row and no message waits',
} as const

export type Formula = keyof typeof formulas
export type Property = keyof typeof assertions | Formula

const scope = (requests: number, workers: number, jobs: number, faults: number): Scope => ({
  requests,
  workers,
  jobs,
  faults,
})

const everyState = (bounds: Scope): Check => ({
  name: 'every state',
  what: 'all assertions in every state',
  scope: bounds,
})

const inTheEnd = (bounds: Scope): readonly Check[] =>
  (Object.keys(formulas) as Formula[]).map((formula) => ({
    name: formula,
    what: formulas[formula],
    scope: bounds,
    formula,
  }))

/** Some seconds of two cores: part of the tests. */
export const quick: readonly Check[] = [
  everyState(scope(1, 2, 2, 2)),
  everyState(scope(2, 1, 1, 2)),
  ...inTheEnd(scope(1, 1, 1, 2)),
]

/** Minutes, and some gigabytes: for the record in docs/specification.md. */
export const full: readonly Check[] = [
  everyState(scope(2, 2, 2, 2)),
  everyState(scope(1, 2, 2, 4)),
  everyState(scope(2, 2, 1, 3)),
  everyState(scope(1, 3, 1, 3)),
  ...inTheEnd(scope(1, 2, 2, 2)),
  ...inTheEnd(scope(2, 1, 1, 2)),
]

/** A guard, the property that rests on it, and the smallest scope in which that shows. */
const mutation = (
  without: string,
  what: string,
  bounds: Scope,
  breaks: Property,
  more: Partial<Check> = {},
): Check => ({ name: `without ${what}`, what, scope: bounds, without, breaks, ...more })

/** What a guard is for at rest, and what in the end. */
const both = (
  without: string,
  what: string,
  bounds: Scope,
  atRest: Property,
  formula: Formula,
): readonly Check[] => [
  mutation(without, what, bounds, atRest),
  mutation(without, what, bounds, formula, { formula }),
]

/**
 * Each guard that is taken away, by its flag in spec/payment.pml. Each property is broken by one of
 * them at least: what no flaw breaks might hold because it says nothing.
 */
export const mutations: readonly Check[] = [
  mutation('NO_TRANSFER_ID', 'the payment’s id in the transfer', scope(1, 1, 0, 1), 'posted-once', {
    exceptAtRest: true,
  }),
  mutation(
    'NO_TOMBSTONE',
    'the memory of what was released',
    scope(2, 1, 1, 0),
    'failed-never-posted',
  ),
  mutation(
    'BY_CLOCK',
    'the question to the ledger before reversing',
    scope(1, 1, 1, 0),
    'failed-never-posted',
  ),
  mutation(
    'NO_SEAL',
    'the seal on a refusal that is believed',
    scope(1, 2, 0, 1),
    'failed-never-posted',
    { exceptAtRest: true },
  ),
  mutation(
    'NO_ANSWER',
    'the second question, where an answer is lost',
    scope(1, 1, 0, 1),
    'completed-posted',
    { exceptAtRest: true },
  ),
  mutation(
    'NO_FINALITY',
    'the finality of what was posted',
    scope(1, 1, 1, 0),
    'released-never-posted',
  ),
  mutation('NO_CLAIM', 'the one decision for a key', scope(2, 1, 0, 0), 'posted-accepted', {
    exceptAtRest: true,
  }),
  mutation('NO_CAS', 'the compare-and-set in the record', scope(1, 1, 1, 0), 'told-once'),
  mutation('ACK_FIRST', 'the commit before the ack', scope(1, 1, 1, 1), 'message-kept'),
  mutation('MARK_FIRST', 'the confirm before the mark', scope(1, 1, 1, 1), 'message-kept'),
  mutation(
    'OUTBOX_APART',
    'payment and message in one transaction',
    scope(1, 1, 1, 1),
    'rest-message-written',
  ),
  mutation(
    'NO_COMPLETING',
    'the record of what was posted, by the job',
    scope(1, 1, 1, 2),
    'rest-posted-completed',
  ),
  mutation(
    'NO_ROLLBACK',
    'the roll-back of what the dead had open',
    scope(1, 1, 1, 2),
    'rest-nothing-waits',
  ),
  mutation('NO_LATE', 'the ack of what comes late', scope(1, 1, 1, 0), 'drains', {
    formula: 'drains',
  }),
  ...both('NO_JOB', 'the reversal job', scope(1, 1, 0, 1), 'rest-ended', 'ends'),
  ...both('NO_EXPIRY', 'the expiry of holds', scope(1, 1, 1, 1), 'rest-money-free', 'frees'),
]

/** Guards behind which another stands: taken away alone, nothing breaks. */
export const spares: readonly Check[] = [
  {
    name: 'without the inbox',
    what: 'the inbox: the compare-and-set stands behind it',
    scope: scope(1, 2, 1, 2),
    without: 'NO_INBOX',
  },
  {
    name: 'without the cancelling of the message',
    what: 'the cancelling of a reversed payment’s message: the ledger stands behind it',
    scope: scope(1, 2, 1, 2),
    without: 'NO_CANCEL',
  },
]
