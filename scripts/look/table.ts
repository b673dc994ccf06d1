import { styleText } from 'node:util'
import { inColumns } from '../lib/columns.ts'

/** Prints rows under the names of their columns; values are shown as a person would write them. */
export function printTable(rows: readonly Readonly<Record<string, unknown>>[]): void {
  if (rows.length === 0) {
    console.log(styleText('dim', '(no rows)'))
    return
  }
  const [names = '', ...lines] = inColumns(rows, show, '  ')
  console.log(styleText('bold', names))
  for (const line of lines) console.log(line)
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
