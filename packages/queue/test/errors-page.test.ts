/*
 * Goal: docs/errors.md explains every code, reason and event of this package, and no other.
 * Method: the unions are read from the sources, the codes from the first column of the tables.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const part = /^## Queue\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)?.[1] ?? ''

/** First cells of the tables below all headings that begin so. */
function explained(heading: string): string[] {
  const sections = part.split('\n### ').filter((section) => section.startsWith(heading))
  expect(sections.length, `no heading "${heading}"`).toBeGreaterThan(0)
  return sections
    .flatMap((section) => [...section.matchAll(/^\| `([A-Za-z_.-]+)` \|/gm)])
    .map(([, code]) => code as string)
}

function source(file: string): string {
  return readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8')
}

/** Members of a union of string literals. */
function members(file: string, type: string): string[] {
  const union = new RegExp(`export type ${type} =([^=]*?)\\n\\n`).exec(source(file))?.[1]
  expect(union, `no union ${type} in ${file}`).toBeDefined()
  return [...(union as string).matchAll(/'([A-Za-z_-]+)'/g)].map(([, code]) => code as string)
}

describe('docs/errors.md', () => {
  test.each([
    ['Queue errors', 'errors.ts', 'QueueErrorCode'],
    ['Reasons of parking', 'events.ts', 'ParkReason'],
  ])('explains under "%s" exactly what %s exports as %s', (heading, file, type) => {
    expect(explained(heading).toSorted()).toEqual(members(file, type).toSorted())
  })

  test('explains every event', () => {
    const types = [...source('events.ts').matchAll(/readonly type: '([a-z.-]+)'/g)]
    expect(explained('Events of the bus').toSorted()).toEqual(
      types.map(([, type]) => type as string).toSorted(),
    )
  })
})
