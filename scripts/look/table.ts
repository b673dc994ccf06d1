import { styleText } from 'node:util'

/** Prints rows under the names of their columns; values are shown as a person would write them. */
export function printTable(rows: readonly Readonly<Record<string, unknown>>[]): void {
  const [first] = rows
  if (first === undefined) {
    console.log(styleText('dim', '(no rows)'))
    return
  }
  const names = Object.keys(first)
  const lines = rows.map((row) => names.map((name) => show(row[name])))
  const widths = names.map((name, column) =>
    Math.max(name.length, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  const pad = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  console.log(styleText('bold', pad(names)))
  for (const line of lines) console.log(pad(line))
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (value instanceof Date) return value.toISOString()
  if (Buffer.isBuffer(value)) return isText(value) ? value.toString() : `<${value.length} bytes>`
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value as string | number | bigint | boolean)
}

function isText(bytes: Buffer): boolean {
  return /^[\x20-\x7e]*$/.test(bytes.toString('latin1'))
}
