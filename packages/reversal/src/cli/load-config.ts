import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Reversal } from '../create-reversal.ts'
import { ReversalError } from '../errors.ts'

/** What a config module may hand to the command besides the job itself. */
export interface ReversalConfig {
  /** The job. */
  readonly reversal: Reversal
  /** Called once at the end: close the connections that would keep the process alive. */
  readonly close?: (() => Promise<void>) | undefined
}

/** The default export of a config module. */
export type ReversalConfigExport =
  | Reversal
  | ReversalConfig
  | (() => Reversal | ReversalConfig | Promise<Reversal | ReversalConfig>)

/** Imports a config module by its path, relative to the working directory. */
export async function loadConfig(path: string): Promise<ReversalConfig> {
  const url = pathToFileURL(resolve(path)).href
  const module = (await import(url)) as { readonly default?: ReversalConfigExport }
  const exported: unknown = module.default
  const value: unknown = typeof exported === 'function' ? await exported() : exported
  if (isReversal(value)) return { reversal: value }
  if (isConfig(value)) return value
  throw new ReversalError(
    'REVERSAL_INVALID_CONFIG',
    `${path} must have a default export made by createReversal, { reversal, close }, ` +
      'or a function returning one of them',
  )
}

function isReversal(value: unknown): value is Reversal {
  return has(value, 'run') && has(value, 'watch') && has(value, 'report')
}

function isConfig(value: unknown): value is ReversalConfig {
  if (typeof value !== 'object' || value === null || !('reversal' in value)) return false
  return isReversal(value.reversal) && (!('close' in value) || has(value, 'close'))
}

function has<K extends string>(value: unknown, name: K): value is Record<K, () => unknown> {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as Record<string, unknown>)[name] === 'function'
}
