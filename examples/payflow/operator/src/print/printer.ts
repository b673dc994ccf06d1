import { stripVTControlCharacters, styleText } from 'node:util'

/** Where a command writes. */
export interface Printer {
  /** Programs read it: nothing is coloured, numbers are numbers. */
  readonly json: boolean
  line(text?: string): void
  /** What a program reads, or a person who asked for it. */
  value(value: unknown): void
  table(rows: readonly Readonly<Record<string, string>>[]): void
  /** What is being done: on a terminal one line that is written over, elsewhere nothing. */
  progress(what: string): void
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  readonly dim: (text: string) => string
  readonly bold: (text: string) => string
}

/** What {@link createPrinter} writes to. */
export interface Streams {
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
}

type Style = Parameters<typeof styleText>[0]

/**
 * Creates the printer of one command. Colours are for terminals, and for nobody who sets NO_COLOR;
 * a terminal's width is kept to by cutting the last column of a table.
 */
export function createPrinter({ out, err }: Streams, json: boolean): Printer {
  const style = (format: Style) => (text: string) =>
    json ? text : styleText(format, text, { stream: out, validateStream: true })
  let hasProgress = false
  const clear = (): void => {
    if (hasProgress) err.write('\r\u001B[K')
    hasProgress = false
  }
  const line = (text = ''): void => {
    clear()
    out.write(`${text}\n`)
  }
  const bold = style('bold')
  return {
    json,
    line,
    value: (value) => line(JSON.stringify(value, plain, out.isTTY ? 2 : undefined)),
    table: (rows) => {
      for (const [at, text] of columns(rows, out.isTTY ? out.columns : undefined).entries()) {
        line(at === 0 ? bold(text) : text)
      }
    },
    progress(what) {
      if (!err.isTTY || json) return
      clear()
      err.write(what.slice(0, (err.columns || 80) - 1))
      hasProgress = true
    },
    good: style('green'),
    bad: style('red'),
    warn: style('yellow'),
    dim: style('dim'),
    bold,
  }
}

/** bigint as a number where it is one, else as text. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

const GAP = '  '

function columns(
  rows: readonly Readonly<Record<string, string>>[],
  width: number | undefined,
): string[] {
  const names = Object.keys(rows[0] ?? {})
  const all = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))]
  const widths = names.map((_, at) => Math.max(...all.map((cells) => shown(cells[at] ?? ''))))
  return all.map((cells) => {
    const text = cells
      .map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - shown(cell))))
      .join(GAP)
      .trimEnd()
    return width !== undefined && shown(text) > width ? `${cut(text, width - 1)}…` : text
  })
}

/** How wide a text is on a terminal: without what only colours it. */
function shown(text: string): number {
  return stripVTControlCharacters(text).length
}

/** Colours stand in the first columns only, so what is cut off has none. */
function cut(text: string, width: number): string {
  const escapes = text.length - shown(text)
  return text.slice(0, width + escapes)
}
