export type StackErrorCode =
  | 'STACK_SERVICE_ENDED'
  | 'STACK_PORT_INVALID'
  | 'STACK_PORT_TAKEN'
  | 'STACK_SECRETS_DAMAGED'
  | 'STACK_RUNNING'
  | 'STACK_NOT_RUNNING'
  | 'STACK_WEB_BUILD_FAILED'
  | 'STACK_DEMO_USERS'
  | 'STACK_CONTROL'

/** What went wrong with the stack as a whole; the message says what to do next. */
export class StackError extends Error {
  override readonly name = 'StackError'
  readonly code: StackErrorCode

  constructor(code: StackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
