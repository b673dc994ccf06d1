import { isDatabaseUnavailable } from './database-errors.ts'
import { problem, ProblemError, unavailable, type ProblemOptions } from './problem-error.ts'
import { UpstreamError } from './upstream-error.ts'
import type { ProblemCode } from '@payflow-app/contracts'

/** What the body parser's error types mean to a client. */
const parserErrors: Readonly<Record<string, ProblemCode>> = {
  'entity.parse.failed': 'malformed-json',
  'entity.too.large': 'body-too-large',
  'charset.unsupported': 'unsupported-media-type',
  'encoding.unsupported': 'unsupported-media-type',
  'request.size.invalid': 'malformed-request',
  'request.aborted': 'malformed-request',
}

/**
 * Turns anything thrown while a request was handled into a problem. What is not known to be the
 * client's doing or a passing outage becomes a 500 that says nothing about the inside.
 */
export function errorToProblem(error: unknown): ProblemError {
  if (ProblemError.is(error)) return error
  if (UpstreamError.is(error)) return upstreamProblem(error)
  if (isDatabaseUnavailable(error)) return unavailable('The database cannot be reached', error)
  const { type, status } = error as { type?: unknown; status?: unknown }
  const options: ProblemOptions = { cause: error }
  if (typeof type === 'string') {
    const code = parserErrors[type]
    if (code) return problem(code, options)
  }
  // Express and its parts mark what the client did wrong with a 4xx status: a path that is no
  // valid percent-encoding, for example.
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    return problem('malformed-request', options)
  }
  return problem('internal-error', options)
}

function upstreamProblem(error: UpstreamError): ProblemError {
  if (error.code !== 'UPSTREAM_TIMEOUT') {
    return unavailable(`${error.upstream} cannot be reached`, error)
  }
  return problem('upstream-timeout', {
    detail: `${error.upstream} did not answer in time`,
    cause: error,
    headers: { 'retry-after': '1' },
  })
}
