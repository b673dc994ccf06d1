/**
 * A text as an SQL literal. Parameters are the rule; this is for statements that share one message
 * with others, which can't have any. Backslashes are written such that they mean themselves whatever
 * `standard_conforming_strings` says.
 */
export function textLiteral(value: string): string {
  if (value.includes('\0')) throw new RangeError('PostgreSQL text cannot hold NUL')
  const quoted = `'${value.replaceAll("'", "''")}'`
  return quoted.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** Bytes as an SQL expression. */
export function byteaLiteral(value: Buffer): string {
  return `decode('${value.toString('hex')}', 'hex')`
}
