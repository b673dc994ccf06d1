import type { ProblemCode } from '../problem-codes.ts'
import type { ApiRoute } from './api-route.ts'

/** What may go wrong with any request, whatever it asks for. */
const anyRequest: readonly ProblemCode[] = [
  'malformed-request',
  'malformed-json',
  'request-timeout',
  'body-too-large',
  'unsupported-media-type',
  'rate-limited',
  'headers-too-large',
  'internal-error',
  'service-unavailable',
  'upstream-timeout',
]

/** Every problem a route may answer with, each once, the general ones first. */
export function problemsOf(route: ApiRoute): ProblemCode[] {
  const codes = new Set(anyRequest)
  if (route.params ?? route.query ?? route.body) codes.add('validation-failed')
  if (route.access === 'user') codes.add('unauthenticated')
  // What changes something is taken from our own page and from programs only.
  if (route.method !== 'GET') codes.add('forbidden')
  for (const code of route.problems) codes.add(code)
  return [...codes]
}
