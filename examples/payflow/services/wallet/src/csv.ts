/**
 * Writes a table as CSV (RFC 4180): CRLF after each line, a cell with a comma, a quote or a line
 * break in quotes, quotes doubled.
 *
 * A text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a
 * carriage return) gets an apostrophe in front: it is shown, not computed. Numbers are written as
 * they are; only a {@link Decimal} is one.
 */
export function csvOf(rows: readonly (readonly (string | Decimal)[])[]): string {
  return rows.map((cells) => `${cells.map(cellOf).join(',')}\r\n`).join('')
}

/** A number in a cell. */
export class Decimal {
  readonly text: string

  constructor(text: string) {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw new TypeError(`${text} is no decimal number`)
    this.text = text
  }
}

function cellOf(value: string | Decimal): string {
  if (value instanceof Decimal) return value.text
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
