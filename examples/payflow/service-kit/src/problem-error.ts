import {
  PROBLEMS,
  problemType,
  type Problem,
  type ProblemCode,
  type ProblemField,
} from '@payflow-app/contracts'

const brand = Symbol.for('payflow/problem-error')

/** Options of {@link problem}. */
export interface ProblemOptions {
  /** What happened this time, for people. Must not contain secrets or other people's data. */
  readonly detail?: string
  /** The fields that were refused. */
  readonly errors?: readonly ProblemField[]
  /** Headers the answer carries, `Retry-After` for one. */
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the body. */
  readonly extensions?: Readonly<Record<string, unknown>>
  /** What caused it; logged, never sent. */
  readonly cause?: unknown
}

/** An error that knows how to be answered over HTTP. Thrown by handlers, sent by the kit. */
export class ProblemError extends Error {
  readonly problemCode: ProblemCode
  readonly status: number
  readonly errors: readonly ProblemField[] | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly extensions: Readonly<Record<string, unknown>>

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail ?? PROBLEMS[code].title, { cause: options.cause })
    this.name = 'ProblemError'
    this.problemCode = code
    this.status = PROBLEMS[code].status
    this.errors = options.errors
    this.headers = options.headers ?? {}
    this.extensions = options.extensions ?? {}
    Object.defineProperty(this, brand, { value: true })
  }

  /** Tells whether `value` is a ProblemError, also one of another copy of this module. */
  static is(value: unknown): value is ProblemError {
    return typeof value === 'object' && value !== null && brand in value
  }

  /** The body of the answer. */
  toBody(requestId?: string): Problem {
    return {
      ...this.extensions,
      type: problemType(this.problemCode),
      title: PROBLEMS[this.problemCode].title,
      status: this.status,
      code: this.problemCode.replaceAll('-', '_'),
      detail: this.message,
      ...(this.errors && { errors: [...this.errors] }),
      ...(requestId !== undefined && { requestId }),
    }
  }
}

/** Makes a {@link ProblemError} to be thrown. */
export function problem(code: ProblemCode, options?: ProblemOptions): ProblemError {
  return new ProblemError(code, options)
}

/** A 503 that says when to come back. */
export function unavailable(detail: string, cause?: unknown, retryAfterS = 1): ProblemError {
  return new ProblemError('service-unavailable', {
    detail,
    cause,
    headers: { 'retry-after': String(retryAfterS) },
  })
}
