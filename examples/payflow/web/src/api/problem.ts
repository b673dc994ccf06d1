/** An error answer of the API (RFC 9457), as far as the page uses it. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  /** Field name → what is wrong with it. */
  readonly fields: Readonly<Record<string, string>>
}

/** The API answered, and the answer was an error. */
export class ApiProblemError extends Error {
  override readonly name = 'ApiProblemError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`)
    this.problem = problem
  }
}

/** No answer came: offline, connection cut, deadline passed, or something that is not our API. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
}

/** The session is over (or belongs to somebody else now): a person has to sign in. */
export class SignedOutError extends Error {
  override readonly name = 'SignedOutError'
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Takes a body apart without trusting it: a proxy's HTML page becomes a problem too. */
export function toProblem(status: number, body: unknown): Problem {
  const source = isRecord(body) ? body : {}
  const type = text(source['type'])
  return {
    type,
    status,
    title: text(source['title']) || 'Something went wrong',
    detail: text(source['detail']) || `The server answered with status ${status}.`,
    code: text(source['code']) || (type.split('/').at(-1) ?? '').replaceAll('-', '_'),
    fields: fieldErrors(source['errors']),
  }
}

/** Whether PayFlow itself answered, and not something between it and this page. */
export function isOfPayFlow({ type }: Problem): boolean {
  return type.startsWith('https://payflow.dev/problems/')
}

/** `[{ pointer: '#/amount', message }]` → `{ amount: message }`. */
function fieldErrors(errors: unknown): Record<string, string> {
  const fields: Record<string, string> = {}
  if (!Array.isArray(errors)) return fields
  for (const error of errors) {
    if (!isRecord(error)) continue
    const name = text(error['pointer']).replace(/^#\/?/, '')
    // The first message of a field says enough; the rest follow from it.
    if (name !== '') fields[name] ??= text(error['message'])
  }
  return fields
}

/** A sentence for a person, whatever was thrown. */
export function problemText(error: unknown): string {
  if (error instanceof ApiProblemError) return error.problem.detail
  if (error instanceof NoAnswerError) {
    return 'PayFlow can’t be reached at the moment. Check your connection and try again.'
  }
  if (error instanceof SignedOutError) return 'Your session has ended. Please log in again.'
  return 'Something went wrong on this page. Please try again.'
}
