import type { Request } from 'express'
import { IdempotencyError } from '../errors.ts'

/** What a retry is compared with, or that the body cannot be compared. */
export type RequestPayload =
  | { readonly readable: true; readonly payload: unknown }
  | { readonly readable: false }

/**
 * The query, sorted, and the body as a parser left it: parsed JSON, text or bytes. A body that no
 * parser has read is not "empty": comparing it as such would take two different payments for one.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_BODY_NOT_PARSED` if the route has no JSON parser.
 */
export function requestPayload(req: Request): RequestPayload {
  const query = sortedQuery(req.originalUrl)
  const body: unknown = req.body
  if (body === undefined && hasBody(req)) {
    if (req.is(['json', '+json']) === false) return { readable: false }
    throw new IdempotencyError(
      'IDEMPOTENCY_BODY_NOT_PARSED',
      'put express.json() before idempotent(), or give the route a fingerprint function',
    )
  }
  if (body !== undefined && isMultipart(req)) {
    throw new IdempotencyError(
      'IDEMPOTENCY_BODY_NOT_PARSED',
      'the files of a multipart body are not in req.body: give the route a fingerprint function',
    )
  }
  if (body instanceof Uint8Array) {
    return { readable: true, payload: query === '' ? body : withQuery(query, body) }
  }
  return { readable: true, payload: query === '' ? { body } : { query, body } }
}

function isMultipart(req: Request): boolean {
  // Express' own test takes a type apart that is nearly always another one.
  const type = req.headers['content-type']
  return type !== undefined && multipart.test(type) && req.is('multipart/*') !== false
}

const multipart = /^\s*multipart\//i

function hasBody(req: Request): boolean {
  const length = req.headers['content-length']
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function sortedQuery(url: string): string {
  const at = url.indexOf('?')
  if (at === -1) return ''
  const parameters = new URLSearchParams(url.slice(at + 1))
  parameters.sort()
  return parameters.toString()
}

function withQuery(query: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${query}\n`, 'utf8'), body])
}
