import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { QueueError } from '../errors.ts'
import type { Bus } from '../types.ts'

/** What a config module may hand to the command besides the bus itself. */
export interface QueueConfig {
  /**
   * A bus with the exchange, bindings and consumers of the service, none of them started. The command
   * drains it at the end.
   */
  readonly bus: Bus<any>
  /** Called once at the end: close the pool that would keep the process alive. */
  readonly close?: (() => Promise<void> | void) | undefined
}

/** The default export of a config module. */
export type QueueConfigExport =
  | Bus<any>
  | QueueConfig
  | (() => Bus<any> | QueueConfig | Promise<Bus<any> | QueueConfig>)

/** Imports a config module by its path, relative to the working directory. */
export async function loadConfig(path: string): Promise<QueueConfig> {
  const url = pathToFileURL(resolve(path)).href
  const module = (await import(url)) as { readonly default?: QueueConfigExport }
  const exported: unknown = module.default
  const value: unknown = typeof exported === 'function' ? await exported() : exported
  if (isBus(value)) return { bus: value }
  if (isConfig(value)) return value
  throw new QueueError(
    `${path} must have a default export made by createBus, { bus, close }, or a function returning ` +
      'one of them',
    { code: 'QUEUE_INVALID_OPTIONS', retryable: false },
  )
}

function isBus(value: unknown): value is Bus<any> {
  return has(value, 'parked') && has(value, 'reconcile') && has(value, 'drain')
}

function isConfig(value: unknown): value is QueueConfig {
  if (typeof value !== 'object' || value === null || !('bus' in value)) return false
  return isBus(value.bus) && (!('close' in value) || has(value, 'close'))
}

function has<K extends string>(value: unknown, name: K): value is Record<K, () => unknown> {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as Record<string, unknown>)[name] === 'function'
}
