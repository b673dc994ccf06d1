/** The headers of answers, for the OpenAPI document. */
import type { ProblemCode } from '../problem-codes.ts'
import type { ApiRoute } from './api-route.ts'
import type { JsonSchema } from './openapi-schemas.ts'

/** `components.headers` */
export const headerComponents = {
  'X-Request-Id': {
    description: 'Names the request in every log; the one that was sent, or a new one.',
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'After how many seconds to try again.',
    schema: { type: 'integer', minimum: 0 },
  },
  RateLimit: {
    description:
      'Where the caller stands in each limit: `r` requests left, `t` seconds to the end.',
    schema: { type: 'string', examples: ['"payment-user";r=59;t=60'] },
  },
  'RateLimit-Policy': {
    description: 'The limits themselves: `q` requests in `w` seconds.',
    schema: { type: 'string', examples: ['"payment-user";q=60;w=60'] },
  },
  'Idempotent-Replayed': {
    description: '`true`: an earlier request with this key was executed, and this is its answer.',
    schema: { type: 'string', const: 'true' },
  },
  'Set-Cookie': {
    description: 'Cookies of the session and the browser: for this site only, not for its scripts.',
    schema: { type: 'string' },
  },
} as const satisfies Record<string, JsonSchema>

type HeaderName = keyof typeof headerComponents

const always: readonly HeaderName[] = ['X-Request-Id', 'RateLimit', 'RateLimit-Policy']

/** The headers of a route's good answer. */
export function answerHeaders({ idempotencyKey, cookies }: ApiRoute): JsonSchema {
  return references([
    ...always,
    ...(idempotencyKey ? (['Idempotent-Replayed'] as const) : []),
    ...(cookies ? (['Set-Cookie'] as const) : []),
  ])
}

const withRetryAfter: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'idempotency-in-progress',
  'service-unavailable',
  'upstream-timeout',
  'rate-limited',
])

/** The headers of an answer with one of these problems. */
export function retryHeaders(codes: readonly ProblemCode[]): JsonSchema {
  const retry = codes.some((code) => withRetryAfter.has(code))
  return references([...always, ...(retry ? (['Retry-After'] as const) : [])])
}

function references(names: readonly HeaderName[]): JsonSchema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
