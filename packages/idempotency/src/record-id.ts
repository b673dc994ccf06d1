import { hash } from 'node:crypto'

/** Scope of an operation: a principal, or the one namespace that everybody shares. */
export type Scope = { readonly principal: string } | 'global'

/** 192 of the 256 bits: no two will ever meet, and a record needs 16 bytes less in Redis. */
const idLength = 32

/**
 * Hashes scope, operation name and key to a record id: 32 characters, safe in a Redis key and in a
 * log. Every part is prefixed with its length, so no choice of delimiters in a key can imitate
 * another scope.
 */
export function recordId(scope: Scope, name: string, key: string): string {
  const named = `${prefixed(name)}${prefixed(key)}`
  const text = scope === 'global' ? `g${named}` : `s${prefixed(scope.principal)}${named}`
  return hashOf(text).slice(0, idLength)
}

/** A key for a downstream call that belongs to a record; see `ctx.deriveKey`. */
export function derivedKey(id: string, parts: readonly string[]): string {
  return hashOf(`d${prefixed(id)}${parts.map(prefixed).join('')}`)
}

const prefixed = (part: string): string => `${part.length}:${part}`

const hashOf = (text: string): string => hash('sha256', text, 'base64url')
