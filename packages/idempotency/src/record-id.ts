import { createHash } from 'node:crypto'

/** Scope of an operation: a principal, or the one namespace that everybody shares. */
export type Scope = { readonly principal: string } | 'global'

/**
 * Hashes scope, operation name and key to a record id: 43 characters, safe in a Redis key and in a
 * log. Every part is prefixed with its length, so no choice of delimiters in a key can imitate
 * another scope.
 */
export function recordId(scope: Scope, name: string, key: string): string {
  const hash = createHash('sha256')
  const parts = scope === 'global' ? ['g', name, key] : ['s', scope.principal, name, key]
  for (const part of parts) hash.update(lengthPrefixed(part))
  return hash.digest('base64url')
}

/** A key for a downstream call that belongs to a record; see `ctx.deriveKey`. */
export function derivedKey(id: string, parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of ['derived', id, ...parts]) hash.update(lengthPrefixed(part))
  return hash.digest('base64url')
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
