/*
 * The three ways in which a message can be done with. A settlement acknowledges only when given one.
 * None of these classes leaves the package, so a handler can't make any, and what merely looks like
 * one was not registered.
 */
const made = new WeakSet<object>()

/** PostgreSQL committed the handler's transaction, inbox row included. */
export class CommitReceipt {
  readonly kind = 'commit'

  constructor() {
    made.add(this)
  }
}

/** The inbox has a committed row of this message with the same content. */
export class DuplicateReceipt {
  readonly kind = 'duplicate'

  constructor() {
    made.add(this)
  }
}

/** The broker confirmed that it has the message in another queue. */
export class MovedReceipt {
  readonly kind = 'moved'

  constructor() {
    made.add(this)
  }
}

/** What an acknowledgement needs. */
export type Proof = CommitReceipt | DuplicateReceipt | MovedReceipt

/** Whether `value` was made by one of the three classes. */
export function isProof(value: unknown): value is Proof {
  return typeof value === 'object' && value !== null && made.has(value)
}
