/**
 * What a log may not contain, taken out where a line is made: whoever writes one cannot forget it.
 */

const REDACTED = '[Redacted]'

/** How deep a line's fields are looked through; deeper ones are not written at all. */
const DEPTH_MAX = 4

/** Names of fields whose values nobody needs in a log, without case and separators. */
const secretNames = new Set([
  'password',
  'currentpassword',
  'newpassword',
  'passwordhash',
  'authorization',
  'cookie',
  'setcookie',
  'token',
  'accesstoken',
  'refreshtoken',
  'resettoken',
  'servicetoken',
  'secret',
  'clientsecret',
  'privatekey',
  'email',
])

/** Cached, for the names are those of our own code. */
const known = new Map<string, boolean>()
const KNOWN_MAX = 1_000

function isSecret(name: string): boolean {
  const before = known.get(name)
  if (before !== undefined) return before
  const secret = secretNames.has(name.toLowerCase().replaceAll(/[-_]/g, ''))
  if (known.size < KNOWN_MAX) known.set(name, secret)
  return secret
}

/**
 * The fields of a line, without the values of those that are named like secrets, however deep.
 * Errors stay as they are; `describeError` says what is written of them. Nothing is copied that is
 * not changed.
 */
export function redactFields(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const [name, value] of Object.entries(fields)) {
    const clean = isSecret(name) ? REDACTED : redactValue(value, depth)
    if (clean === value) continue
    copy ??= { ...fields }
    copy[name] = clean
  }
  return copy ?? fields
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maybeQuotes(value) ? redactText(value) : value
  if (typeof value !== 'object' || value === null || value instanceof Error) return value
  if (depth >= DEPTH_MAX) return '[…]'
  if (Array.isArray(value)) return value.map((one) => redactValue(one, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return redactFields(value as Record<string, unknown>, depth + 1)
}

/** Of a longer text only the beginning is written; a stack is never as long. */
const TEXT_CHARS_MAX = 4_000

/** What other people's texts quote. Each pattern is bounded, so that no text takes long. */
const quoted: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/(\w{1,20}:\/\/)[^\s/@"']{1,300}@/g, `$1${REDACTED}@`],
  [/\beyJ[\w-]{5,2000}\.[\w-]{1,3000}\.?[\w-]{0,2000}/g, REDACTED],
  [/\b(bearer)\s+\S{1,3000}/gi, `$1 ${REDACTED}`],
  [/[^\s@"'<>()[\]=:,/]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}/g, REDACTED],
]

/** Whether a closer look is worth it: most values are ids. */
function maybeQuotes(text: string): boolean {
  return /@|eyJ|bearer /i.test(text)
}

/** A text we did not write, without credentials in URLs, tokens and e-mail addresses. */
export function redactText(text: string): string {
  const short = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text
  return quoted.reduce((clean, [pattern, instead]) => clean.replace(pattern, instead), short)
}
