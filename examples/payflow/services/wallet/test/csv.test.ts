import { describe, expect, it } from 'vitest'
import { csvOf, Decimal } from '../src/csv.ts'

/** Reads CSV back by RFC 4180, character by character. */
function parse(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    let cell = ''
    if (text[at] === '"') {
      for (at += 1; text[at] !== '"' || text[at + 1] === '"'; at += 1) {
        cell += text[at]
        if (text[at] === '"') at += 1
      }
      at += 1
    } else {
      for (; at < text.length && text[at] !== ',' && text[at] !== '\r'; at += 1) cell += text[at]
    }
    row.push(cell)
    if (text[at] === ',') at += 1
    else {
      at += 2
      rows.push(row)
      row = []
    }
  }
  return rows
}

describe('csvOf', () => {
  it('gives back every cell, whatever is in it', () => {
    const parts = ['"', ',', '\r', '\n', '=', '-', ' ', 'a👍']
    const pairs = parts.flatMap((one) => parts.map((two) => one + two))
    const cells = ['', ...parts, ...pairs, ...pairs.flatMap((one) => parts.map((two) => one + two))]
    const rows = cells.map((cell, at) => [cell, cells[cells.length - 1 - at] ?? ''])
    const shown = rows.map((row) => row.map((one) => one.replace(/^(?=[=+\-@\t\r])/, "'")))
    expect(cells).toHaveLength(1 + 8 + 64 + 512)
    expect(parse(csvOf(rows))).toEqual(shown)
  })

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '=HYPERLINK("http://x","y")'])(
    'makes no formula of %j',
    (text) => {
      const [row] = parse(csvOf([[text]]))
      expect(row).toEqual([`'${text}`])
    },
  )

  it('leaves numbers alone, and lets nothing else pass for one', () => {
    expect(csvOf([[new Decimal('-5.00'), '-5.00']])).toBe("-5.00,'-5.00\r\n")
    for (const text of ['1,5', '=1', '1e5', '', '-']) {
      expect(() => new Decimal(text)).toThrow(TypeError)
    }
  })
})
