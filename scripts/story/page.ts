/*
 * How the story looks: plain lines of at most 92 columns, coloured where the terminal wants it.
 */
import { styleText } from 'node:util'
import { inColumns } from '../lib/columns.ts'

const WIDTH = 92
const INDENT = '  '

type Cell = string | number | bigint | boolean | Date | Buffer | null | undefined | object
export type Row = Readonly<Record<string, Cell>>

const bold = (text: string) => styleText('bold', text)
const dim = (text: string) => styleText('dim', text)
const cyan = (text: string) => styleText('cyan', text)

/** What is told, and what turned out wrong while it was told. */
export class Page {
  readonly #wrong: string[] = []
  readonly #write: (line: string) => void

  constructor(write: (line: string) => void = (line) => console.log(line)) {
    this.#write = write
  }

  /** The statements that did not hold. */
  get wrong(): readonly string[] {
    return this.#wrong
  }

  title(text: string): void {
    this.#write('')
    this.#write(INDENT + bold(text))
  }

  act(number: number, text: string): void {
    const head = `━━ ${number} ━━ ${text} `
    this.#write('')
    this.#write('')
    this.#write(bold(styleText('magenta', head + '━'.repeat(Math.max(WIDTH - head.length, 3)))))
  }

  /** A paragraph of the narrator. */
  say(text: string): void {
    this.#write('')
    for (const line of wrap(text, WIDTH - INDENT.length)) this.#write(INDENT + line)
  }

  /** Why it is built so: set apart, for who wants to know. */
  why(text: string): void {
    this.#write('')
    const label = 'Why  '
    const lines = wrap(text, WIDTH - INDENT.length - label.length)
    for (const [at, line] of lines.entries()) {
      const before = at === 0 ? styleText('yellow', label) : ' '.repeat(label.length)
      this.#write(INDENT + before + styleText('italic', line))
    }
  }

  /** Something that was typed or sent, after the prompt of where. */
  command(prompt: string, text: string): void {
    this.#write('')
    const width = WIDTH - INDENT.length - prompt.length - 1
    const clauses = text.length <= width ? [text] : text.split(/\s+(?=(?:from|where|group by) )/)
    const lines = clauses.flatMap((clause) => wrap(clause, width))
    for (const [at, line] of lines.entries()) {
      const before = at === 0 ? dim(prompt) : ' '.repeat(prompt.length)
      this.#write(`${INDENT}${before} ${cyan(line)}`)
    }
  }

  /** What came back, as it came. */
  output(...lines: readonly string[]): void {
    for (const text of lines) {
      for (const line of wrap(text, WIDTH - 4)) this.#write(INDENT + INDENT + line)
    }
  }

  /** A drawing, whose spaces count. */
  drawing(...lines: readonly string[]): void {
    this.#write('')
    for (const line of lines) this.#write(INDENT + INDENT + cyan(line))
  }

  /** Rows under the names of their columns. */
  rows(rows: readonly Row[]): void {
    if (rows.length === 0) {
      this.#write(INDENT + INDENT + dim('(no rows)'))
      return
    }
    const [names = '', ...lines] = inColumns(rows, cellText, '   ')
    this.#write(INDENT + INDENT + dim(names))
    for (const line of lines) this.#write(INDENT + INDENT + line)
  }

  /** A statement that must hold, and whether it does. */
  check(holds: boolean, text: string): void {
    if (!holds) this.#wrong.push(text)
    const mark = holds ? styleText('green', '✓') : styleText('red', '✗')
    this.#bullet(mark, holds ? text : `NOT TRUE: ${text}`)
  }

  /** Says once more what did not hold. */
  repeatWrong(): void {
    this.#write('')
    for (const text of this.#wrong) this.#bullet(styleText('red', '✗'), `NOT TRUE: ${text}`)
  }

  #bullet(mark: string, text: string): void {
    for (const [at, line] of wrap(text, WIDTH - INDENT.length - 2).entries()) {
      this.#write(`${INDENT}${at === 0 ? mark : ' '} ${line}`)
    }
  }

  /** A blank line before a group of checks. */
  pause(): void {
    this.#write('')
  }
}

/** Breaks a text at its spaces; a word that is too long stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '-'
  if (cell instanceof Date) return timeOfDay(cell)
  if (Buffer.isBuffer(cell)) return `<${cell.length} bytes>`
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
}

/** Local time to the millisecond. */
export function timeOfDay(at: Date): string {
  const part = (value: number, digits = 2) => String(value).padStart(digits, '0')
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((value) => part(value))
  return `${time.join(':')}.${part(at.getMilliseconds(), 3)}`
}

/** The end of an id: the beginnings are times, and much alike. */
export function short(id: string): string {
  return `…${id.slice(-6)}`
}

/** Minor units as people write them. */
export function dollars(amountMinor: number | bigint): string {
  const minor = BigInt(amountMinor)
  const sign = minor < 0n ? '-' : ''
  const cents = (minor < 0n ? -minor : minor).toString().padStart(3, '0')
  const whole = cents.slice(0, -2).replaceAll(/\B(?=(\d{3})+$)/g, ',')
  return `${sign}$${whole}.${cents.slice(-2)}`
}

/** A duration as people read it. */
export function took(sinceMs: number): string {
  const ms = performance.now() - sinceMs
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
