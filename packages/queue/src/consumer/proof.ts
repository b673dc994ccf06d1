/*
 * The three ways in which a message can be done with. A settlement acknowledges only when given one,
 * and none of these classes leaves the package, so a handler can't make any.
 */

/** PostgreSQL committed the handler's transaction, inbox row included. */
export class CommitReceipt {
  readonly #kind = 'commit'

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #kind in value
  }
}

/** The inbox has a committed row of this message with the same content. */
export class DuplicateReceipt {
  readonly #kind = 'duplicate'

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #kind in value
  }
}

/** The broker confirmed that it has the message in another queue. */
export class MovedReceipt {
  readonly #kind = 'moved'

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #kind in value
  }
}

/** What an acknowledgement needs. */
export type Proof = CommitReceipt | DuplicateReceipt | MovedReceipt

/** Whether `value` was made by one of the three classes. */
export function isProof(value: unknown): value is Proof {
  return CommitReceipt.is(value) || DuplicateReceipt.is(value) || MovedReceipt.is(value)
}
