/*
 * Goal: the tables of options in the README name every option, and no other; each example is shown.
 * Method: the interfaces are read from the sources, the options from the first column.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')

/** Names in the first column of the table whose header is `heading`. */
function named(heading: string): string[] {
  const [, table = ''] = read('README.md').split(`| \`${heading}\` | default |`)
  const [rows = ''] = table.split('\n\n')
  const cells = rows.split('\n').map((row) => row.split('|')[1] ?? '')
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name as string))
}

/** Members of an interface. */
function members(file: string, name: string): string[] {
  const body = new RegExp(`export interface ${name}[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(
    read(file),
  )?.[1]
  expect(body, `no interface ${name} in ${file}`).toBeDefined()
  return [...(body as string).matchAll(/^ {2}readonly (\w+)\??:/gm)].map(
    ([, member]) => member as string,
  )
}

describe('README.md', () => {
  test.each([
    ['createBus', 'src/options.ts', 'BusOptions'],
    ['broker', 'src/options.ts', 'BrokerOptions'],
    ['bus.consumer', 'src/options.ts', 'ConsumerOptions'],
    ['bus.relay', 'src/outbox/types.ts', 'RelayOptions'],
  ])('names each option of %s', (heading, file, name) => {
    expect(named(heading).toSorted()).toEqual(members(file, name).toSorted())
  })

  const examples = readdirSync(new URL('../examples/', import.meta.url))
  test.each(examples)('or the recipes show %s', (name) => {
    const pages = read('README.md') + read('docs/recipes.md')
    expect(pages).toContain(`<!-- example: packages/queue/examples/${name}`)
  })
})
