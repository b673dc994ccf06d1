import { escape } from './svg.ts'

/** What was seen of one contender in one row. */
export interface Cell {
  readonly verdict: 'pass' | 'fail' | 'skipped'
  /** One line. */
  readonly why: string
}

/** Who does what: rows of hazards, a column each. */
export interface Scoreboard {
  readonly columns: readonly {
    readonly name: string
    /** `name@version` of what was installed. */
    readonly versions: readonly string[]
    /** What was written to run it here. */
    readonly adapter: string
  }[]
  readonly rows: readonly {
    readonly id: string
    readonly wants: string
    readonly cells: readonly Cell[]
  }[]
  readonly leftOut: readonly { readonly id: string; readonly why: string }[]
}

const marks = { pass: '✓', fail: '✗', skipped: '–' } as const

/** The scoreboard as Markdown: contenders, rows, what has none. */
export function scoreboardMarkdown({ columns, rows, leftOut }: Scoreboard): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    '## Scoreboard',
    '',
    line(['', 'what should happen', ...columns.map(({ name }) => name)]),
    `|${'---|'.repeat(columns.length + 2)}`,
    ...rows.map(({ id, wants, cells }) =>
      line([id, wants, ...cells.map(({ verdict, why }) => `${marks[verdict]} ${why}`.trim())]),
    ),
    '',
    'Not in the table:',
    '',
    ...leftOut.map(({ id, why }) => `- ${id}: ${why}.`),
    '',
    '## Contenders',
    '',
    ...columns.map(
      ({ name, versions, adapter }) =>
        `- **${name}**: ${versions.join(', ')}. Adapter: ${adapter}.`,
    ),
    '',
  ]
}

const LINE = 22
const WANTS = 560
const CELL = 150
const LEFT = 100

/** The scoreboard as a picture: a mark a cell, what was seen as its tooltip. */
export function scoreboardChart(title: string, { columns, rows }: Scoreboard): string {
  const width = LEFT + WANTS + columns.length * CELL + 16
  const height = 112 + rows.length * LINE
  const x = (column: number): number => LEFT + WANTS + column * CELL + CELL / 2
  const heads = columns.map(({ name, versions }, column) => {
    const passed = rows.filter(({ cells }) => cells[column]?.verdict === 'pass').length
    const version = versions[0]?.split('@').at(-1) ?? ''
    const text = (y: number, kind: string, content: string): string =>
      `<text class='${kind}' x='${x(column)}' y='${y}' text-anchor='middle'>${escape(content)}</text>`
    return (
      text(58, 'head', name) +
      text(74, 'soft', version) +
      text(92, 'head', `${passed}/${rows.length}`)
    )
  })
  const body = rows.map(({ id, wants, cells }, row) => {
    const y = 116 + row * LINE
    const back =
      row % 2 === 0
        ? `<rect class='band' x='0' y='${y - 15}' width='${width}' height='${LINE}'/>`
        : ''
    const seen = cells.map(
      ({ verdict, why }, column) =>
        `<text class='${verdict}' x='${x(column)}' y='${y}' text-anchor='middle'><title>${escape(why)}</title>${marks[verdict]}</text>`,
    )
    return `${back}<text class='soft' x='16' y='${y}'>${id}</text><text x='${LEFT}' y='${y}'>${escape(wants)}</text>${seen.join('')}`
  })
  return `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${width} ${height}' width='${width}' height='${height}' role='img' aria-label='${escape(title)}' font-family='system-ui, sans-serif' font-size='13'>
<style>
  .back { fill: #ffffff } .band { fill: #f6f8fa } text { fill: #1f2328 } .soft { fill: #59636e } .head { font-weight: 600 }
  .pass { fill: #1a7f37; font-weight: 700 } .fail { fill: #d1242f; font-weight: 700 } .skipped { fill: #59636e }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } .band { fill: #151b23 } text { fill: #f0f6fc } .soft, .skipped { fill: #9198a1 }
    .pass { fill: #3fb950 } .fail { fill: #f85149 }
  }
</style>
<rect class='back' width='${width}' height='${height}'/>
<text x='16' y='26' font-size='16' font-weight='600'>${escape(title)}</text>
${[...heads, ...body].join('\n')}
</svg>
`
}
