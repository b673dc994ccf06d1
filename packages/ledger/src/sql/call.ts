import { createHash } from 'node:crypto'

/** Name of each statement that `call` has made, by its text. */
const names = new Map<string, string>()

/**
 * The statement that calls a function of ours. Parameters are cast, so that no driver has to guess
 * a type; the answer is text, so that no type parser can change it.
 */
export function call(s: string, name: string, ...types: string[]): string {
  const parameters = types.map((type, i) => `$${i + 1}::${type}`).join(', ')
  const text = `select ${s}.${name}(${parameters})::text as result`
  names.set(text, nameOf(name, text))
  return text
}

/** The name under which a statement of ours may be kept by the server; undefined for any other. */
export const preparedName = (text: string): string | undefined => names.get(text)

// PostgreSQL cuts names off after 63 bytes, and a name must never stand for two texts.
const nameOf = (name: string, text: string): string =>
  `ledger_${name}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`.slice(-63)
