/*
 * A stored HTTP response:
 *   byte 0      format, 1
 *   bytes 1–2   status
 *   bytes 3–6   length of the headers
 *   then        headers as JSON, [name, value | values][]
 *   then        the body, as the handler wrote it
 */

/** A header as Node gives it: one value or several, in order. */
export type StoredHeader = readonly [name: string, value: string | readonly string[]]

/** A response that can be replayed. */
export interface HttpRecord {
  readonly status: number
  readonly headers: readonly StoredHeader[]
  readonly body: Uint8Array
}

const format = 1
const fixedBytes = 7

/** Packs a response into bytes. */
export function packHttpRecord(record: HttpRecord): Buffer {
  const headers = JSON.stringify(record.headers)
  const headersBytes = Buffer.byteLength(headers, 'utf8')
  const packed = Buffer.allocUnsafe(fixedBytes + headersBytes + record.body.byteLength)
  packed.writeUInt8(format, 0)
  packed.writeUInt16BE(record.status, 1)
  packed.writeUInt32BE(headersBytes, 3)
  packed.write(headers, fixedBytes, 'utf8')
  packed.set(record.body, fixedBytes + headersBytes)
  return packed
}

/** Unpacks a response; `undefined` if the bytes are not one that this version can read. */
export function unpackHttpRecord(payload: Uint8Array): HttpRecord | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  if (bytes.length < fixedBytes || bytes.readUInt8(0) !== format) return undefined
  const status = bytes.readUInt16BE(1)
  const bodyAt = fixedBytes + bytes.readUInt32BE(3)
  if (bodyAt > bytes.length || status < 200 || status > 999) return undefined
  try {
    const headers: unknown = JSON.parse(bytes.toString('utf8', fixedBytes, bodyAt))
    if (!Array.isArray(headers) || !headers.every(isStoredHeader)) return undefined
    return { status, headers, body: bytes.subarray(bodyAt) }
  } catch {
    return undefined
  }
}

function isStoredHeader(header: unknown): header is StoredHeader {
  if (!Array.isArray(header) || header.length !== 2) return false
  const [name, value] = header as unknown[]
  const values: unknown[] = Array.isArray(value) ? value : [value]
  return typeof name === 'string' && values.every((each) => typeof each === 'string')
}
