/*
 * `npm run hazards [-- --json | --quiet]`: each hazard of docs/hazards.md with the tests that bear its id, or
 * the reason why there is none. Fails when an id has neither, when a reason is out of date, and when
 * a test names an id that does not exist.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { styleText } from 'node:util'

interface Hazard {
  readonly id: string
  readonly hazard: string
  readonly reason: string
  readonly tests: { readonly file: string; readonly title: string }[]
}

const row = /^\| ((?:LEDGER|IDEM|QUEUE|REV)-\d\d) \| (.+?) \| ?(.*?) ?\|$/
// A title, or the row of a table that a title is made from: any string that names an id.
const literal = /(['"`])((?:(?!\1).)*?\b(?:LEDGER|IDEM|QUEUE|REV)-\d\d\b.*?)\1/g
const isComment = (line: string) => /^\s*(\/\/|\/?\*)/.test(line)

const hazards = new Map<string, Hazard>()
for (const line of readFileSync('docs/hazards.md', 'utf8').split('\n')) {
  const [, id, hazard, reason] = row.exec(line) ?? []
  if (id === undefined || hazard === undefined) continue
  hazards.set(id, { id, hazard, reason: reason ?? '', tests: [] })
}

const faults: string[] = []
// A conformance suite is published code; the package's own tests run it.
const suites = ['*.test.ts', 'packages/*/src/testing/*.ts']
const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...suites], {
  encoding: 'utf8',
})
for (const file of listed.split('\n').filter(Boolean)) {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (!isComment(line)) collect(file, line)
  }
}

for (const { id, tests, reason } of hazards.values()) {
  if (tests.length === 0 && reason === '') faults.push(`${id} has neither a test nor a reason`)
  if (tests.length > 0 && reason !== '') faults.push(`${id} has a test, and a reason for none`)
}

// A part of the guarantees that is written is complete: no hazard of it is left out.
const guarantees = readFileSync('docs/guarantees.md', 'utf8')
const written = new Set(guarantees.match(/\b(?:LEDGER|IDEM|QUEUE|REV)-\d\d\b/g))
const parts = new Set([...written].map((id) => id.slice(0, id.indexOf('-'))))
for (const id of hazards.keys()) {
  if (parts.has(id.slice(0, id.indexOf('-'))) && !written.has(id)) {
    faults.push(`docs/guarantees.md does not name ${id}`)
  }
}
for (const id of written) {
  if (!hazards.has(id)) faults.push(`docs/guarantees.md names ${id}, which docs/hazards.md lacks`)
}

if (process.argv.includes('--json')) {
  console.log(JSON.stringify([...hazards.values()], undefined, 2))
} else if (!process.argv.includes('--quiet')) {
  print()
}
const proven = [...hazards.values()].filter((hazard) => hazard.tests.length > 0).length
if (!process.argv.includes('--json')) {
  console.log(`${proven} of ${hazards.size} hazards have a test`)
}
for (const text of faults) console.error(styleText('red', text))
process.exit(faults.length === 0 ? 0 : 1)

function collect(file: string, line: string): void {
  for (const [, , title = ''] of line.matchAll(literal)) {
    for (const [id] of title.matchAll(/\b(?:LEDGER|IDEM|QUEUE|REV)-\d\d\b/g)) {
      const hazard = hazards.get(id)
      if (hazard === undefined) faults.push(`${file} names ${id}, which docs/hazards.md lacks`)
      else hazard.tests.push({ file, title })
    }
  }
}

function print(): void {
  for (const { id, hazard, tests, reason } of hazards.values()) {
    const mark = tests.length > 0 ? styleText('green', '✓') : styleText('yellow', '–')
    console.log(`${mark} ${styleText('bold', id)}  ${hazard}`)
    for (const test of tests) console.log(styleText('dim', `    ${test.file}\n      ${test.title}`))
    if (reason !== '') console.log(styleText('dim', `    no test: ${reason}`))
  }
}
