/*
 * Goal: docs/errors.md explains every code that the ledger can answer or throw, and no other.
 * Method: the unions are read from the sources, the codes from the first column of the tables.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const ledgersPart = page.slice(page.indexOf('\n## Ledger'), endOfPart(page.indexOf('\n## Ledger')))

function endOfPart(start: number): number {
  const next = page.indexOf('\n## ', start + 1)
  return next === -1 ? page.length : next
}

/** Codes in the first column of the tables below a heading. */
function explained(heading: string): string[] {
  const start = ledgersPart.indexOf(`### ${heading}`)
  expect(start, `no heading "${heading}"`).toBeGreaterThan(0)
  const rest = ledgersPart.slice(start + 4)
  const part = rest.slice(0, rest.indexOf('\n### ') === -1 ? undefined : rest.indexOf('\n### '))
  return [...part.matchAll(/^\| `([A-Za-z_]+)` \|/gm)].map(([, code]) => code as string)
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
    ['Outcomes', 'outcomes.ts', 'Outcome'],
    ['Causes of', 'outcomes.ts', 'BusyCause'],
    ['Reasons of', 'outcomes.ts', 'RejectionReason'],
    ['Errors that are thrown', 'errors.ts', 'LedgerErrorCode'],
  ])('explains under "%s" exactly what %s exports as %s', (heading, file, type) => {
    expect(explained(heading).toSorted()).toEqual(members(file, type).toSorted())
  })
})
