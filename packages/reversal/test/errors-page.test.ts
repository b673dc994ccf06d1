/*
 * Goal: docs/errors.md explains every code, event, problem and exit code of this package, and no
 * other. Method: the unions are read from the sources, the words from the first column of the tables.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { exitCodes } from '../src/cli/index.ts'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const part = /^## Reversal\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)?.[1] ?? ''

/** First cells of the table below a heading. */
function explained(heading: string): string[] {
  const section = part.split('\n### ').find((each) => each.startsWith(heading))
  expect(section, `no heading "${heading}"`).toBeDefined()
  return [...(section as string).matchAll(/^\| `?([A-Za-z0-9_]+)`? \|/gm)]
    .map(([, word]) => word as string)
    .filter((word) => word !== 'code' && word !== 'event' && word !== 'word')
}

/** Members of a union of string literals. */
function members(file: string, type: string): string[] {
  const source = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8')
  const union = new RegExp(`export type ${type} =([^=]*?)\\n\\n`).exec(source)?.[1]
  expect(union, `no union ${type} in ${file}`).toBeDefined()
  return [...(union as string).matchAll(/'([A-Za-z_]+)'/g)].map(([, word]) => word as string)
}

describe('docs/errors.md', () => {
  test.each([
    ['Reversal errors', 'errors.ts', 'ReversalErrorCode'],
    ['Why it is a mass reversal', 'mass-reversal.ts', 'MassReversalCause'],
    ['Problems of health', 'health.ts', 'ReversalProblem'],
  ])('explains under "%s" exactly what %s exports as %s', (heading, file, type) => {
    expect(explained(heading).toSorted()).toEqual(members(file, type).toSorted())
  })

  test('explains every event', () => {
    const source = readFileSync(new URL('../src/events.ts', import.meta.url), 'utf8')
    const types = [...source.matchAll(/readonly type: '([a-z_]+)'/g)].map(
      ([, type]) => type as string,
    )
    expect(explained('Events of a job').toSorted()).toEqual(types.toSorted())
  })

  test('explains every exit code', () => {
    expect(explained('Exit codes').map(Number)).toEqual(Object.values(exitCodes))
  })
})
