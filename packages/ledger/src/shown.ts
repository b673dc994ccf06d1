import { inspect } from 'node:util'

/**
 * A value for an error's message. `String` and `JSON.stringify` throw themselves for some of what a
 * caller can get wrong: a bigint, a symbol, a cycle, an object without prototype.
 */
export const shown = (value: unknown): string =>
  inspect(value, { breakLength: Infinity, customInspect: false, depth: 0, maxStringLength: 100 })
