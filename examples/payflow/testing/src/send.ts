import { isProblemCode, PROBLEMS, problemSchema } from '@payflow-app/contracts'
import { expect } from 'vitest'

/** One request. */
export interface Outgoing {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is, in place of `json`. */
  readonly raw?: string | Buffer
}

/** One answer. */
export interface Incoming {
  readonly status: number
  readonly headers: Headers
  readonly type: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into any body
  readonly body: any
}

/** Sends one request and reads the answer, whatever it is. */
export async function send(url: string, outgoing: Outgoing = {}): Promise<Incoming> {
  const { token, json, raw, headers: given } = outgoing
  const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
  const { method = body === undefined ? 'GET' : 'POST' } = outgoing
  const headers = new Headers(given)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  if (body !== undefined && !headers.has('content-type')) {
    headers.set('content-type', 'application/json')
  }
  const init = { method, headers, signal: AbortSignal.timeout(120_000) }
  const answer = await fetch(url, body === undefined ? init : { ...init, body })
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  return {
    status: answer.status,
    headers: answer.headers,
    type,
    body: /json/.test(type) ? JSON.parse(text) : text,
  }
}

/**
 * Asserts that an answer is a well-formed problem with this status and, if given, this code. `what`
 * was sent is named when it is not.
 */
export function expectProblem(
  answer: Incoming,
  status: number,
  code?: string,
  what?: string,
): void {
  const { type, body } = answer
  const seen = { what, status: answer.status, type: type.split(';')[0], code: body?.code, body }
  expect(seen).toMatchObject({
    status,
    type: 'application/problem+json',
    body: { status },
    ...(code !== undefined && { code }),
  })
  const problem = problemSchema.parse(body)
  expect(problem.type).toMatch(/^https:\/\/payflow\.dev\/problems\/[a-z-]+$/)
  const kind = problem.type.split('/').at(-1) ?? ''
  // One kind of problem has one title, whichever of our parts answers.
  if (isProblemCode(kind)) expect(problem.title).toBe(PROBLEMS[kind].title)
  expect(problem.detail).toBeTruthy()
  if (problem.code === 'validation_failed') expect(problem.errors?.length).toBeGreaterThan(0)
}
