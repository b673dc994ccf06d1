import { createHash, hash } from 'node:crypto'
import { canonicalJson, TooDeepError } from './canonical-json.ts'
import { IdempotencyError } from './errors.ts'

/**
 * SHA-256 over the canonical form of a payload: bytes as they are, everything else as canonical
 * JSON. The two kinds never collide.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_PAYLOAD_TOO_LARGE` above `payloadMaxBytes`, or
 * when the payload is nested too deep.
 */
export function fingerprintOf(payload: unknown, payloadMaxBytes: number): Buffer {
  const isBytes = payload instanceof Uint8Array
  const canonical = isBytes ? payload : canonicalOrThrow(payload)
  const bytes =
    typeof canonical === 'string' ? Buffer.byteLength(canonical, 'utf8') : canonical.byteLength
  if (bytes > payloadMaxBytes) {
    throw new IdempotencyError(
      'IDEMPOTENCY_PAYLOAD_TOO_LARGE',
      `${bytes} bytes cannot be compared with a retry, only ${payloadMaxBytes} can`,
    )
  }
  if (typeof canonical === 'string') return hash('sha256', `json:${canonical}`, 'buffer')
  return createHash('sha256').update('bytes:').update(canonical).digest()
}

function canonicalOrThrow(payload: unknown): string {
  try {
    return canonicalJson(payload)
  } catch (cause) {
    if (!(cause instanceof TooDeepError)) throw cause
    throw new IdempotencyError(
      'IDEMPOTENCY_PAYLOAD_TOO_LARGE',
      `the request cannot be compared with a retry: ${cause.message}`,
      { cause },
    )
  }
}
