/** Deepest nesting that is compared; a body that is deeper could exhaust the stack. */
const depthMax = 256

/** Thrown when a value is nested too deep to be written down. */
export class TooDeepError extends Error {
  override readonly name = 'TooDeepError'
}

/**
 * JSON with object keys in a fixed order, so that two bodies that mean the same are written the
 * same. Numbers are written as JavaScript reads them: `1`, `1.0` and `1e0` are one number, and
 * integers beyond 2^53 are already rounded by the body parser. Of duplicate object keys the parser
 * kept the last. What JSON cannot carry is treated as `JSON.stringify` does; `bigint` is written as
 * its digits.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0) ?? 'undefined'
}

function write(value: unknown, depth: number): string | undefined {
  if (depth > depthMax) throw new TooDeepError(`nested deeper than ${depthMax} levels`)
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (hasToJson(value)) return write(value.toJSON(), depth + 1)
  if (Array.isArray(value)) {
    return `[${value.map((item) => write(item, depth + 1) ?? 'null').join(',')}]`
  }
  let members = ''
  for (const name of sortedNames(value)) {
    const text = write((value as Record<string, unknown>)[name], depth + 1)
    if (text === undefined) continue
    members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${text}`
  }
  return `{${members}}`
}

/** Looking whether they are in order already costs less than sorting them. */
function sortedNames(value: object): string[] {
  const names = Object.keys(value)
  for (let at = 1; at < names.length; at += 1) {
    if ((names[at - 1] as string) > (names[at] as string)) return names.sort()
  }
  return names
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function'
}
