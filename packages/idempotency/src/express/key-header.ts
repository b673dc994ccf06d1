import type { IncomingMessage } from 'node:http'
import { parseKey } from '../key-policy.ts'
import type { ParsedKey, ResolvedKeyPolicy } from '../key-policy.ts'

/** Reads the key of a request; `undefined` if there is no such header. */
export function readKeyHeader(
  req: IncomingMessage,
  header: string,
  policy: ResolvedKeyPolicy,
): ParsedKey | undefined {
  // `req.headers` joins repeated headers with a comma, which would make one new key of two.
  const values = req.headersDistinct[header.toLowerCase()]
  if (values === undefined) return undefined
  const [value = ''] = values
  if (values.length > 1) return { ok: false, reason: `it was sent ${values.length} times` }
  if (value === '') return { ok: false, reason: 'it is empty' }
  return parseKey(value, policy)
}
