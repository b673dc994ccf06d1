/**
 * The statement that calls a function of ours. Parameters are cast, so that no driver has to guess
 * a type; the answer is text, so that no type parser can change it.
 */
export function call(s: string, name: string, ...types: string[]): string {
  const parameters = types.map((type, i) => `$${i + 1}::${type}`).join(', ')
  return `select ${s}.${name}(${parameters})::text as result`
}
