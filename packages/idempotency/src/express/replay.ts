import { validateHeaderName, validateHeaderValue } from 'node:http'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { Request, Response } from 'express'
import type { HttpRecord, StoredHeader } from '../http-record.ts'

/** False for a record that was changed since: Node refuses to send its headers. */
export function isSendable({ headers }: HttpRecord): boolean {
  try {
    for (const [name, value] of headers) {
      validateHeaderName(name)
      for (const each of typeof value === 'string' ? [value] : value)
        validateHeaderValue(name, each)
    }
    return true
  } catch {
    return false
  }
}

/** Sends a stored response again, and says that it is one. */
export function replayResponse(res: Response, record: HttpRecord, omitted: boolean): void {
  const decoded = decodedFor(res.req, record)
  const { headers, body } = decoded ?? record
  res.statusCode = record.status
  for (const [name, value] of headers) res.setHeader(name, value)
  if (decoded !== undefined) res.vary('Accept-Encoding')
  res.setHeader('Idempotent-Replayed', 'true')
  if (omitted) res.setHeader('Idempotent-Replay-Body', 'omitted')
  const hasBody = record.status !== 204 && record.status !== 304
  if (hasBody) res.setHeader('Content-Length', body.byteLength)
  res.end(hasBody ? body : undefined)
}

const decoders: Readonly<Record<string, (body: Uint8Array, limits: DecodeLimits) => Buffer>> = {
  br: brotliDecompressSync,
  deflate: inflateSync,
  gzip: gunzipSync,
}

interface DecodeLimits {
  readonly maxOutputLength: number
}

/** A body that grows beyond this is sent as it is: replaying must not cost more than it saves. */
const limits: DecodeLimits = { maxOutputLength: 16_777_216 }

/**
 * A response that was compressed for one client may be asked for again by another that cannot read
 * it. Its meaning is kept, its entity tag is not. `undefined` when it can be sent as it is, or when
 * nothing better can be made of it.
 */
function decodedFor(
  req: Request,
  { headers, body }: HttpRecord,
): { readonly headers: readonly StoredHeader[]; readonly body: Uint8Array } | undefined {
  const encoding = headers.find(([name]) => name === 'content-encoding')?.[1]
  const decode = typeof encoding === 'string' ? decoders[encoding] : undefined
  // Who names no encodings accepts any (RFC 9110 §12.5.3).
  const isAccepted =
    req.headers['accept-encoding'] === undefined || req.acceptsEncodings(encoding as string)
  if (decode === undefined || isAccepted) return undefined
  try {
    const plain = headers.filter(([name]) => name !== 'content-encoding' && name !== 'etag')
    return { headers: plain, body: decode(body, limits) }
  } catch {
    return undefined
  }
}
