/** Why testkit could not do what it was asked. Stable: tests and the supervisor branch on it. */
export type TestkitErrorCode =
  | 'TESTKIT_SERVER_MISSING'
  | 'TESTKIT_SERVER_START_FAILED'
  | 'TESTKIT_SERVER_NOT_OURS'
  | 'TESTKIT_NO_FREE_PORT'
  | 'TESTKIT_PORT_TAKEN'
  | 'TESTKIT_WAIT_TIMED_OUT'
  | 'TESTKIT_CHILD_EXITED'
  | 'TESTKIT_LEAK'
  | 'TESTKIT_NO_SHARED_SERVERS'

const brand = Symbol.for('@payflow/testkit.error')

/** The one error class of this package; `code` says what went wrong. */
export class TestkitError extends Error {
  readonly code: TestkitErrorCode
  readonly [brand] = true

  constructor(code: TestkitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TestkitError'
    this.code = code
  }

  /** True for every TestkitError, also one from a second copy of this package. */
  static is(value: unknown): value is TestkitError {
    return typeof value === 'object' && value !== null && brand in value
  }
}
