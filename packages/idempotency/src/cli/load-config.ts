import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { IdempotencyError } from '../errors.ts'
import type { Idempotency } from '../idempotency.ts'

/** What a config module may hand to the command besides the rules themselves. */
export interface IdempotencyConfig {
  /** The rules, over the store that the service uses, with the same prefix and retention. */
  readonly idempotency: Idempotency<any>
  /** Called once at the end: close the connection that would keep the process alive. */
  readonly close?: (() => Promise<void> | void) | undefined
}

/** The default export of a config module. */
export type IdempotencyConfigExport =
  | Idempotency<any>
  | IdempotencyConfig
  | (() => Idempotency<any> | IdempotencyConfig | Promise<Idempotency<any> | IdempotencyConfig>)

/** Imports a config module by its path, relative to the working directory. */
export async function loadConfig(path: string): Promise<IdempotencyConfig> {
  const url = pathToFileURL(resolve(path)).href
  const module = (await import(url)) as { readonly default?: IdempotencyConfigExport }
  const exported: unknown = module.default
  const value: unknown = typeof exported === 'function' ? await exported() : exported
  if (isIdempotency(value)) return { idempotency: value }
  if (isConfig(value)) return value
  throw new IdempotencyError(
    'IDEMPOTENCY_OPTIONS_INVALID',
    `${path} must have a default export made by createIdempotency, { idempotency, close }, ` +
      'or a function returning one of them',
  )
}

function isIdempotency(value: unknown): value is Idempotency<any> {
  return has(value, 'inspect') && has(value, 'listIndeterminate') && has(value, 'resolve')
}

function isConfig(value: unknown): value is IdempotencyConfig {
  if (typeof value !== 'object' || value === null || !('idempotency' in value)) return false
  return isIdempotency(value.idempotency) && (!('close' in value) || has(value, 'close'))
}

function has<K extends string>(value: unknown, name: K): value is Record<K, () => unknown> {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as Record<string, unknown>)[name] === 'function'
}
