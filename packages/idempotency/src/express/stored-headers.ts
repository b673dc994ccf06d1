import { IdempotencyError } from '../errors.ts'
import type { StoredHeader } from '../http-record.ts'

/** What is stored of a response unless the route says otherwise: what describes its content. */
const defaultHeaders: readonly string[] = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'etag',
  'last-modified',
  'link',
  'location',
  'vary',
]

/** Belongs to one connection, one client or one moment; in a replay it would be wrong or a leak. */
const forbiddenHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
])

/**
 * The allow-list of a route.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID` for a header that must not be
 * replayed.
 */
export function storedHeaderNames(names: readonly string[] = defaultHeaders): ReadonlySet<string> {
  const forbidden = names.find((name) => forbiddenHeaders.has(name.toLowerCase()))
  if (forbidden !== undefined) {
    throw new IdempotencyError(
      'IDEMPOTENCY_OPTIONS_INVALID',
      `the header ${forbidden} must not be stored and replayed`,
    )
  }
  return new Set(names.map((name) => name.toLowerCase()))
}

/** Of a response that is stored without its body: only what points elsewhere. */
export function headersWithoutBody(headers: readonly StoredHeader[]): readonly StoredHeader[] {
  return headers.filter(([name]) => name === 'location' || name === 'link')
}
