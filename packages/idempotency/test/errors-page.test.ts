/*
 * Goal: docs/errors.md explains every code that this package can answer or throw, and no other.
 * Method: the unions are read from the sources, the codes from the first column of the tables.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const part = /^## Idempotency\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)?.[1] ?? ''

/** Codes in the first column of the tables below a heading. */
function explained(heading: string): string[] {
  const start = part.indexOf(`### ${heading}`)
  expect(start, `no heading "${heading}"`).toBeGreaterThanOrEqual(0)
  const [below = ''] = part.slice(start + 4).split('\n### ')
  return [...below.matchAll(/^\| `([A-Za-z_]+)` \|/gm)].map(([, code]) => code as string)
}

/** Members of a union of string literals. */
function members(file: string, type: string): string[] {
  const text = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8')
  const union = new RegExp(`export type ${type} =([^=]*?)\\n\\n`).exec(text)?.[1]
  expect(union, `no union ${type} in ${file}`).toBeDefined()
  return [...(union as string).matchAll(/'([A-Za-z_]+)'/g)].map(([, code]) => code as string)
}

describe('docs/errors.md', () => {
  test.each([
    ['Problems over HTTP', 'express/problem.ts', 'ProblemCode'],
    ['Reasons of', 'client/result.ts', 'UnknownReason'],
    ['Errors that are thrown', 'errors.ts', 'IdempotencyErrorCode'],
  ])('explains under "%s" exactly what %s exports as %s', (heading, file, type) => {
    expect(explained(heading).toSorted()).toEqual(members(file, type).toSorted())
  })

  test('explains each outcome of the client', () => {
    const source = readFileSync(new URL('../src/client/result.ts', import.meta.url), 'utf8')
    const outcomes = [...source.matchAll(/readonly outcome: '(\w+)'/g)].map(([, name]) => name)
    expect(explained('Outcomes of the client')).toEqual(outcomes)
  })

  test('explains every refusal that the client tells apart', () => {
    const problems = explained('Problems over HTTP')
    const refusals = members('client/result.ts', 'RefusalCode')
    expect(problems).toEqual(expect.arrayContaining(refusals))
  })
})
