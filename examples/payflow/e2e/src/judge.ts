/*
 * Whether an answer is one that the contract allows to the request: its status, its body to the last
 * field, its headers, and who was let in.
 */
import { isDeepStrictEqual } from 'node:util'
import { PROBLEMS, problemSchema, problemType, type ProblemCode } from '@payflow-app/contracts'
import { problemsOf, type ApiRoute } from '@payflow-app/contracts/api'
import { eventsIn } from '@payflow-app/testing'
import type { z } from 'zod'
import type { Generated } from './hostile.ts'

/** An answer that has been read to its end. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** What is wrong with an answer by the contract; nothing, if all is well. */
export function faultOf(
  route: ApiRoute,
  request: Pick<Generated, 'credential' | 'cookie'>,
  answer: Answered,
): string | undefined {
  const { status, headers, text } = answer
  // Of our files, and of the libraries', nobody outside needs to know.
  if (/node_modules|\.ts:\d/.test(text)) return `tells of the inside: ${text}`
  if (headers.has('x-injected')) return 'a header of the caller has become one of the answer'
  return (
    (status < 400 ? faultOfSuccess : faultOfProblem)(route, answer) ??
    accessFault(route, request, answer)
  )
}

/** Who has what the route asks for is let in; who has not is not. */
function accessFault(
  { access }: ApiRoute,
  { credential, cookie }: Pick<Generated, 'credential' | 'cookie'>,
  { status }: Answered,
): string | undefined {
  if (access === 'anyone') return undefined
  const { own } = access === 'user' ? credential : cookie
  if (own && status === 401) return 'the token, or the cookie, was not taken'
  return !own && status < 400 ? 'somebody without a token, or a cookie, was let in' : undefined
}

function faultOfSuccess({ success }: ApiRoute, answer: Answered): string | undefined {
  const { status, headers, text } = answer
  const type = headers.get('content-type') ?? ''
  if (!headers.has('x-request-id')) return 'no x-request-id'
  const isEmpty = status === 204 && success.noneLeft !== undefined
  if (isEmpty) return text === '' ? undefined : `a body: ${text}`
  if (status !== success.status) return `status ${status}, not ${success.status}`
  if (success.events) return streamFault(success.events, type, text)
  if (success.csv) return type.startsWith('text/csv') ? undefined : `content type ${type}`
  if (!success.body) return text === '' ? undefined : `a body: ${text}`
  if (!type.startsWith('application/json')) return `content type ${type}`
  const body: unknown = JSON.parse(text)
  const parsed = success.body.safeParse(body)
  if (!parsed.success) return `breaks the contract: ${parsed.error.message}`
  // Parsing drops what the contract does not name: there must have been nothing of it.
  return isDeepStrictEqual(parsed.data, body) ? undefined : `more than the contract: ${text}`
}

/** What is wrong with a stream of events that has ended. */
function streamFault(schema: z.ZodType, type: string, text: string): string | undefined {
  if (!type.startsWith('text/event-stream')) return `content type ${type}`
  const broken = eventsIn(text).find(({ data }) => !schema.safeParse(JSON.parse(data)).success)
  return broken && `breaks the contract: ${broken.data}`
}

/**
 * What is wrong with how an answer names its request. HTTP's parser, which refuses what is none, knows
 * no name; the middleware for keys leaves it to the header; a repeated answer has the name of the first
 * request in its body.
 */
function nameFault(
  code: ProblemCode,
  inBody: string | undefined,
  headers: Headers,
): string | undefined {
  const id = headers.get('x-request-id')
  if (id === null) {
    return ['headers-too-large', 'malformed-request'].includes(code) ? undefined : 'no x-request-id'
  }
  if (headers.has('idempotent-replayed')) return undefined
  if (inBody === undefined) return code.startsWith('idempotency-') ? undefined : 'no requestId'
  return inBody === id ? undefined : `requestId is not ${id}`
}

/** What comes with the time after which to try again. */
const withRetryAfter: readonly ProblemCode[] = ['idempotency-in-progress', 'rate-limited']

function faultOfProblem(route: ApiRoute, { status, headers, text }: Answered): string | undefined {
  const type = headers.get('content-type') ?? ''
  if (!type.startsWith('application/problem+json')) return `${status} ${type}: ${text}`
  const parsed = problemSchema.safeParse(JSON.parse(text))
  if (!parsed.success) return `no problem: ${parsed.error.message}`
  const problem = parsed.data
  if (status >= 500) return `${status} ${problem.code}: ${problem.detail}`
  const code = problem.code?.replaceAll('_', '-') as ProblemCode
  if (!problemsOf(route).includes(code)) return `undocumented ${status} ${problem.code}`
  const expected = { ...PROBLEMS[code], type: problemType(code) }
  const { detail, errors = [] } = problem
  for (const name of ['status', 'type', 'title'] as const) {
    if (problem[name] !== expected[name]) return `${name} is not ${expected[name]}: ${text}`
  }
  const unnamed = nameFault(code, problem.requestId, headers)
  if (unnamed) return `${unnamed}: ${text}`
  if (status !== problem.status) return `status ${status}: ${text}`
  if (!detail) return `no detail: ${text}`
  if ((code === 'validation-failed') !== errors.length > 0) return `errors: ${text}`
  if (errors.some(({ pointer }) => !pointer.startsWith('#'))) return `no pointer: ${text}`
  return withRetryAfter.includes(code) && !/^\d+$/.test(headers.get('retry-after') ?? '')
    ? 'no retry-after'
    : undefined
}
