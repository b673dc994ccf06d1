import { hash } from 'node:crypto'

/** Scope of an operation: a principal, or the one namespace that everybody shares. */
export type Scope = { readonly principal: string } | 'global'

/**
 * Hashes scope, operation name and key to a record id: 43 characters, safe in a Redis key and in a
 * log. Every part is prefixed with its length, so no choice of delimiters in a key can imitate
 * another scope.
 */
export function recordId(scope: Scope, name: string, key: string): string {
  return hashOf(scope === 'global' ? ['g', name, key] : ['s', scope.principal, name, key])
}

/** A key for a downstream call that belongs to a record; see `ctx.deriveKey`. */
export function derivedKey(id: string, parts: readonly string[]): string {
  return hashOf(['derived', id, ...parts])
}

/** In one buffer: every request goes through here. */
function hashOf(parts: readonly string[]): string {
  let bytesMax = 0
  for (const part of parts) bytesMax += 4 + 3 * part.length // UTF-8 needs 3 bytes a code unit at most
  const bytes = Buffer.allocUnsafe(bytesMax)
  let at = 0
  for (const part of parts) {
    const length = bytes.write(part, at + 4, 'utf8')
    bytes.writeUInt32BE(length, at)
    at += 4 + length
  }
  return hash('sha256', bytes.subarray(0, at), 'base64url')
}
