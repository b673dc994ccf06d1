import { IdempotencyError } from './errors.ts'

/** What a key must look like. */
export interface KeyPolicy {
  /**
   * Shortest key accepted, in characters; 20 or more makes accidental collisions unlikely.
   * Range 1…255.
   * @defaultValue 1
   */
  readonly minLength?: number
  /** Longest key accepted, in characters. Range 1…255. @defaultValue 255 */
  readonly maxLength?: number
  /**
   * What happens to a key that carries the time it was made (UUIDv7, ULID), is older than records
   * are kept, and is not known: `'time-ordered'` refuses it (410), because it may have been
   * executed and forgotten; `'off'` takes it for new. The key's time is the client's, so a client
   * whose clock is late by more than the retention needs `'off'`, or another kind of key.
   * @defaultValue 'time-ordered'
   */
  readonly expiry?: 'time-ordered' | 'off'
}

/** A key in its canonical form, or why it is none. */
export type ParsedKey =
  | { readonly ok: true; readonly key: string }
  | { readonly ok: false; readonly reason: string }

/** {@link KeyPolicy} with its defaults. */
export type ResolvedKeyPolicy = Required<KeyPolicy>

/** Fills in the defaults of a key policy and refuses what is out of range. */
export function resolveKeyPolicy(policy: KeyPolicy = {}): ResolvedKeyPolicy {
  const { minLength = 1, maxLength = 255, expiry = 'time-ordered' } = policy
  const inRange = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= 255
  if (!inRange(minLength) || !inRange(maxLength) || minLength > maxLength) {
    throw new IdempotencyError(
      'IDEMPOTENCY_OPTIONS_INVALID',
      `key.minLength ${minLength} and key.maxLength ${maxLength} must be 1 to 255, in this order`,
    )
  }
  if (!['time-ordered', 'off'].includes(expiry)) {
    throw new IdempotencyError(
      'IDEMPOTENCY_OPTIONS_INVALID',
      `key.expiry must be 'time-ordered' or 'off', not ${String(expiry)}`,
    )
  }
  return { minLength, maxLength, expiry }
}

const bareKey = /^[\x21\x23-\x2b\x2d-\x7e]*$/
const quotedKey = /^"(?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/

/**
 * Reads a key as clients send it: bare, or as a structured-field string in double quotes
 * (draft-ietf-httpapi-idempotency-key-header). `"abc"` and `abc` are the same key. A comma in a
 * bare key is refused, since proxies join repeated headers with commas.
 */
export function parseKey(
  text: string,
  policy: Pick<ResolvedKeyPolicy, 'minLength' | 'maxLength'>,
): ParsedKey {
  const quoted = text.startsWith('"')
  if (!(quoted ? quotedKey : bareKey).test(text)) {
    return {
      ok: false,
      reason: 'it must consist of visible ASCII characters, without commas unless it is quoted',
    }
  }
  const key = quoted ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text
  if (key.length < policy.minLength || key.length > policy.maxLength) {
    return {
      ok: false,
      reason: `it has ${key.length} characters, not ${policy.minLength} to ${policy.maxLength}`,
    }
  }
  return { ok: true, key }
}
