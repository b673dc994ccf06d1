import { figure } from './markdown.ts'
import type { Row, Section } from './result.ts'
import { escape } from './svg.ts'

const WIDTH = 960
const LABELS = 460
const BARS = 400
const LINE = 24
const TEXT = "font-family='system-ui, sans-serif'"

/**
 * `results/NAME.svg`: a bar a row, with a line from the smallest to the largest measurement. Rows of
 * one unit in one section share a scale. Colours follow the reader's light or dark background.
 */
export function chart(title: string, sections: readonly Section[]): string {
  const parts: string[] = []
  let y = 40
  for (const section of sections) {
    for (const [unit, rows] of Map.groupBy(section.rows, (row) => row.unit)) {
      y += 14
      parts.push(
        `<text class='head' x='16' y='${y}'>${escape(section.title)} <tspan class='soft'>(${escape(unit)})</tspan></text>`,
      )
      y += 10
      const most = Math.max(...rows.map((row) => row.max))
      for (const row of rows) {
        parts.push(bar(row, y, most))
        y += LINE
      }
      y += 14
    }
  }
  return `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${WIDTH} ${y}' width='${WIDTH}' height='${y}' role='img' aria-label='${escape(title)}' ${TEXT} font-size='13'>
<style>
  .back { fill: #ffffff } text { fill: #1f2328 } .soft { fill: #59636e; font-weight: normal }
  .bar { fill: #4493f8 } .wrong { fill: #d1242f } .spread { stroke: #1f2328; stroke-width: 1.5 }
  .head { font-weight: 600 } .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #f0f6fc } .soft { fill: #9198a1 }
    .bar { fill: #1f6feb } .wrong { fill: #f85149 } .spread { stroke: #f0f6fc } .axis { stroke: #3d444d }
  }
</style>
<rect class='back' width='${WIDTH}' height='${y}'/>
<text x='16' y='26' font-size='16' font-weight='600'>${escape(title)}</text>
${parts.join('\n')}
</svg>
`
}

function bar(row: Row, y: number, most: number): string {
  const x = (value: number) => (LABELS + (most > 0 ? (value / most) * BARS : 0)).toFixed(1)
  const middle = y + LINE / 2
  const width = (Number(x(row.median)) - LABELS).toFixed(1)
  const kind = row.correct?.startsWith('✗') ? 'wrong' : 'bar'
  const whiskers =
    row.min === row.max
      ? ''
      : `<path class='spread' d='M${x(row.min)} ${middle}H${x(row.max)}M${x(row.min)} ${middle - 4}v8M${x(row.max)} ${middle - 4}v8'/>`
  return [
    `<text x='${LABELS - 10}' y='${middle + 4}' text-anchor='end'>${escape(shortened(row.case))}</text>`,
    `<rect class='${kind}' x='${LABELS}' y='${y + 4}' width='${width}' height='${LINE - 8}'/>`,
    `<path class='axis' d='M${LABELS} ${y}v${LINE}'/>`,
    whiskers,
    `<text x='${WIDTH - 16}' y='${middle + 4}' text-anchor='end'>${figure(row.median)}</text>`,
  ].join('')
}

const shortened = (text: string): string => (text.length <= 64 ? text : `${text.slice(0, 63)}…`)
