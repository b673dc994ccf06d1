/*
 * Goal: a result says what was measured, in the form that design §7 fixes, with what was wrong in it.
 * Method: a small result made by hand, written as JSON, Markdown and SVG.
 */
import { describe, expect, test } from 'vitest'
import { chart } from '../src/lib/chart.ts'
import type { Environment } from '../src/lib/environment.ts'
import { markdown } from '../src/lib/markdown.ts'
import { atLeast, atMost, type Findings, resultOf, rounded } from '../src/lib/result.ts'
import { scoreboardChart, scoreboardMarkdown } from '../src/lib/scoreboard.ts'
import { quantile, ratios, spread } from '../src/lib/stats.ts'

const environment: Environment = {
  mode: 'full',
  cpu: 'abacus',
  cores: 2,
  memoryGb: 4,
  system: 'linux x64',
  node: 'v24.0.0',
  fdatasyncMicros: [100, 110],
  loadBefore: 0.1,
  servers: { postgres: '15.1' },
  settings: { fsync: 'on' },
}

const findings: Findings = {
  sections: [
    {
      title: 'speed',
      note: 'A second has 1000 ms.',
      rows: [
        { case: 'ours', unit: '/s', ...spread([10, 30, 20]), correct: 'Σ = 0' },
        { case: 'theirs <&>', unit: '/s', ...spread([5]), correct: '✗ Σ = 3' },
        { case: 'ours ÷ theirs', unit: '×', ...spread([2.00049]) },
      ],
    },
  ],
  claims: [
    atLeast('a', 2, 2.00049, 'ours ÷ theirs'),
    { ...atMost('b', 1.25, 1.3, 'growth'), remark: 'because of the cold' },
  ],
  faults: ['theirs: Σ = 3'],
}
const result = resultOf('demo', new Date('2026-11-22T10:00:00Z'), environment, findings)

describe('spread', () => {
  test('keeps the middle and the ends', () => {
    expect(spread([4, 1, 3])).toEqual({ median: 3, min: 1, max: 4, n: 3 })
    expect(spread([4, 1]).median).toBe(2.5)
    expect(() => spread([])).toThrow('nothing was measured')
  })

  test('reads any quantile of a sorted series', () => {
    expect(quantile([0, 10, 20], 0.99)).toBeCloseTo(19.8)
  })
})

describe('ratios', () => {
  test('are of one round each, so that noise common to both cancels out', () => {
    expect(spread(ratios([10, 100], [5, 50]))).toEqual({ median: 2, min: 2, max: 2, n: 2 })
    expect(() => ratios([1], [1, 2])).toThrow('different rounds')
  })
})

describe('resultOf', () => {
  test('has exactly the fields that readers rely on', () => {
    expect(Object.keys(result)).toEqual(['name', 'at', 'environment', 'rows', 'claims'])
    expect(result.rows[0]).toEqual({
      case: 'speed: ours',
      unit: '/s',
      median: 20,
      min: 10,
      max: 30,
      n: 3,
    })
    expect(result.claims).toEqual([
      { id: 'a', text: 'ours ÷ theirs', target: 2, value: 2, holds: true },
      { id: 'b', text: 'growth', target: 1.25, value: 1.3, holds: false },
    ])
  })

  test('keeps three digits', () => {
    expect([12_345.6, 0.123_45, 0].map(rounded)).toEqual([12_346, 0.123, 0])
  })

  test('decides a claim by what was measured, not by what is shown', () => {
    expect(atLeast('x', 0.95, 0.9499, 'close')).toMatchObject({ value: 0.95, holds: false })
  })
})

describe('markdown', () => {
  const text = markdown(result, findings, 'A demonstration.')

  test('shows what was correct, which claims hold, and why one does not', () => {
    expect(text).toContain('| ours | 20 | 10 – 30 | /s | 3 | Σ = 0 |')
    expect(text).toContain('| b | growth | 1.25 | 1.3 | **no** |')
    expect(text).toContain('- b: because of the cold')
    expect(text).toContain('- theirs: Σ = 3')
    expect(text).toContain('`npm run bench -- demo`')
  })

  test('says of a quick run that it is one', () => {
    const quick = { ...result, environment: { ...environment, mode: 'quick' as const } }
    expect(markdown(quick, findings, '')).toContain('in **quick** mode')
  })
})

describe('chart', () => {
  const svg = chart('demo', findings.sections)

  test('draws a bar for each row, and marks what was wrong', () => {
    expect(svg.match(/class='bar'/g)).toHaveLength(2)
    expect(svg.match(/class='wrong'/g)).toHaveLength(1)
    expect(svg).toContain('theirs &lt;&amp;&gt;')
  })

  test('has colours for a dark background', () => {
    expect(svg).toContain('prefers-color-scheme: dark')
  })
})

describe('scoreboard', () => {
  const scoreboard = {
    columns: [
      { name: 'ours', versions: ['ours@1.0.0'], adapter: 'none' },
      { name: 'theirs', versions: ['theirs@2.3.4'], adapter: 'ten lines' },
    ],
    rows: [
      {
        id: 'H-1',
        wants: 'paid <once>',
        cells: [
          { verdict: 'pass' as const, why: 'once' },
          { verdict: 'fail' as const, why: 'paid 2 times | instead of once' },
        ],
      },
    ],
    leftOut: [{ id: 'H-2', why: 'needs two moons' }],
  }

  test('says who passed which row and why, and with which versions and adapters', () => {
    const text = scoreboardMarkdown(scoreboard).join('\n')
    expect(text).toContain('| H-1 | paid <once> | ✓ once | ✗ paid 2 times \\| instead of once |')
    expect(text).toContain('- H-2: needs two moons.')
    expect(text).toContain('- **theirs**: theirs@2.3.4. Adapter: ten lines.')
  })

  test('is drawn with a mark a cell and what was seen beside it', () => {
    const svg = scoreboardChart('demo', scoreboard)
    expect(svg.match(/class='(?:pass|fail)'/g)).toHaveLength(2)
    expect(svg).toContain('<title>paid 2 times | instead of once</title>')
    expect(svg).toContain('paid &lt;once&gt;')
    expect(svg).toContain('>1/1<')
    expect(svg).toContain('>0/1<')
  })
})
