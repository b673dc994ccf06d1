import { IdempotencyError } from './errors.ts'
import { packHttpRecord } from './http-record.ts'
import type { StoredHeader } from './http-record.ts'

/** A response that is known without having been captured. */
export interface KnownResponse {
  /** Range 200…599. */
  readonly status: number
  /** As they are to be sent. Cookies, credentials and hop-by-hop headers are refused. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
}

/**
 * What an operation is known to have given, from elsewhere: the value of an `execute`, or the
 * response of a route under `idempotent()`. Give the kind that the operation is replayed as; the
 * other one answers as indeterminate.
 */
export type KnownResult = { readonly value: unknown } | { readonly response: KnownResponse }

const refusedHeaders =
  /^(authorization|connection|content-length|date|keep-alive|proxy-.*|set-cookie|te|trailer|transfer-encoding|upgrade|www-authenticate)$/i
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const headerText = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Packs a known result as the operation itself would have been stored.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_RESULT_INVALID`.
 */
export function packKnownResult(result: KnownResult, resultMaxBytes: number): Buffer {
  const payload =
    typeof result === 'object' && result !== null && 'response' in result
      ? packResponse(result.response)
      : packValue(result)
  if (payload.byteLength <= resultMaxBytes) return payload
  throw invalid(`it takes ${payload.byteLength} bytes, more than resultMaxBytes ${resultMaxBytes}`)
}

function packValue(result: KnownResult): Buffer {
  if (typeof result !== 'object' || result === null || !('value' in result)) {
    throw invalid('it must have a value or a response')
  }
  try {
    return Buffer.from(JSON.stringify(result.value) ?? '', 'utf8')
  } catch (cause) {
    throw invalid('its value cannot be written as JSON', cause)
  }
}

function packResponse(response: KnownResponse): Buffer {
  const { status, headers = {}, body = '' } = response ?? {}
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid(`status must be an integer from 200 to 599, not ${String(status)}`)
  }
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw invalid('body must be a text or bytes')
  }
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body
  return packHttpRecord({ status, headers: readHeaders(headers), body: bytes })
}

function readHeaders(headers: NonNullable<KnownResponse['headers']>): StoredHeader[] {
  return Object.entries(headers).map(([name, value]) => {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    const isSound =
      headerName.test(name) &&
      !refusedHeaders.test(name) &&
      values.every((text) => typeof text === 'string' && headerText.test(text))
    if (isSound) return [name.toLowerCase(), value]
    throw invalid(`the header '${name}' cannot be replayed`)
  })
}

function invalid(message: string, cause?: unknown): IdempotencyError {
  return new IdempotencyError(
    'IDEMPOTENCY_RESULT_INVALID',
    `the result cannot be stored: ${message}`,
    { cause },
  )
}
