import type { IncomingMessage } from 'node:http'

const known = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])

/** A request's method for metrics and spans: one of few, whatever a client makes up. */
export function httpMethod({ method = '' }: Pick<IncomingMessage, 'method'>): string {
  return known.has(method) ? method : '_OTHER'
}
