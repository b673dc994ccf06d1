import { inspect } from 'node:util'
import { TestkitError } from './errors.ts'

/** How long and how often {@link waitFor} looks. */
export interface WaitForOptions {
  /** Give up after this many milliseconds. @defaultValue 30000 */
  readonly timeoutMs?: number
  /** Pause between two looks, in milliseconds. @defaultValue 20 */
  readonly intervalMs?: number
  /**
   * What an error of the condition is: "not yet", or the end of the wait, thrown as it is. The end
   * for a condition inside a transaction: its first failed statement is why, and after it none can
   * succeed. @defaultValue 'not yet'
   */
  readonly errors?: 'not yet' | 'end'
  /** What was waited for, for the error; a function is called only when it failed. */
  readonly message?: string | (() => string)
}

/**
 * Resolves with the first truthy value the condition gives. A condition that throws counts as "not yet",
 * unless `errors` says otherwise. Does not interrupt a condition that never settles, but still rejects at the deadline.
 *
 * @throws {@link TestkitError} `TESTKIT_WAIT_TIMED_OUT`, naming the last value or error seen.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitForOptions = {},
): Promise<NonNullable<T>> {
  const { timeoutMs = 30_000, intervalMs = 20 } = options
  const deadline = performance.now() + timeoutMs
  let last: Look<T> = { kind: 'pending' }
  for (;;) {
    last = await look(condition, Math.max(deadline - performance.now(), 1), last)
    if (last.kind === 'value' && last.value) return last.value as NonNullable<T>
    if (last.kind === 'error' && options.errors === 'end') throw last.error
    if (performance.now() >= deadline) throw timedOut(options, timeoutMs, last)
    await pause(Math.min(intervalMs, Math.max(deadline - performance.now(), 0)))
  }
}

/** Resolves after `ms`; the timer keeps the process alive. Not for tests: wait for a condition. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

type Look<T> = { kind: 'pending' } | { kind: 'value'; value: T } | { kind: 'error'; error: unknown }

async function look<T>(
  condition: () => T | Promise<T>,
  remainingMs: number,
  before: Look<T>,
): Promise<Look<T>> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<Look<T>>((resolve) => {
    timer = setTimeout(() => resolve(before), remainingMs)
  })
  const seen = (async (): Promise<Look<T>> => {
    try {
      return { kind: 'value', value: await condition() }
    } catch (error) {
      return { kind: 'error', error }
    }
  })()
  try {
    return await Promise.race([seen, deadline])
  } finally {
    clearTimeout(timer)
  }
}

function timedOut<T>(options: WaitForOptions, timeoutMs: number, last: Look<T>): TestkitError {
  const what = typeof options.message === 'function' ? options.message() : options.message
  const subject = what === undefined ? 'the condition' : what
  const text = `waited ${timeoutMs} ms for ${subject}; ${describe(last)}`
  const cause = last.kind === 'error' ? { cause: last.error } : undefined
  return new TestkitError('TESTKIT_WAIT_TIMED_OUT', text, cause)
}

function describe<T>(last: Look<T>): string {
  if (last.kind === 'pending') return 'it never answered'
  if (last.kind === 'value') return `last value: ${inspect(last.value, { depth: 3 })}`
  return `last error: ${last.error instanceof Error ? last.error.message : inspect(last.error)}`
}
