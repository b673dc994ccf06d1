import type { IncomingMessage } from 'node:http'
import { parseKey } from '../key-policy.ts'
import type { ParsedKey, ResolvedKeyPolicy } from '../key-policy.ts'

/** Reads the key of a request; `undefined` if there is no such header. Its name in lower case. */
export function readKeyHeader(
  req: IncomingMessage,
  header: string,
  policy: ResolvedKeyPolicy,
): ParsedKey | undefined {
  // `req.headers` joins repeated headers with a comma, which would make one new key of two;
  // `req.headersDistinct` makes lists of all headers to find this one.
  const { rawHeaders } = req
  let value: string | undefined
  let times = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name === undefined || name.length !== header.length) continue
    if (name.toLowerCase() !== header) continue
    value = rawHeaders[at + 1]
    times += 1
  }
  if (value === undefined) return undefined
  if (times > 1) return { ok: false, reason: `it was sent ${times} times` }
  if (value === '') return { ok: false, reason: 'it is empty' }
  return parseKey(value, policy)
}
