/*
 * Code in a Markdown file is a region of an example that a test runs:
 *   <!-- example: packages/ledger/examples/first-transfer.ts -->
 * followed by a ts block; `….ts#setup` names another region than `main`. And figures are those of a
 * benchmark's recorded run, its claims as a table:
 *   <!-- claims: bench/results/ledger.json -->
 *   <!-- end of claims -->
 * This puts them there; `--check` only compares.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const check = process.argv.includes('--check')
const block = /(<!-- example: (\S+) -->\n```ts\n)([\s\S]*?)(^```$)/gm
const claims = /(<!-- claims: (\S+) -->\n)([\s\S]*?)(^<!-- end of claims -->$)/gm

function regionOf(example: string): string {
  const [path = '', name = 'main'] = example.split('#')
  const source = readFileSync(path, 'utf8')
  const from = String.raw`^[ \t]*// #region ${name}\n`
  const to = String.raw`^[ \t]*// #endregion ${name}$`
  const region = new RegExp(String.raw`${from}([\s\S]*?)${to}`, 'm').exec(source)?.[1]
  if (region === undefined) throw new Error(`${path} has no region "${name}"`)
  const lines = region.split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/))
  const indent = Math.min(...indents)
  return lines.map((line) => line.slice(indent)).join('\n')
}

interface RecordedRun {
  readonly at: string
  readonly claims: readonly {
    readonly text: string
    readonly target: number
    readonly value: number
    readonly holds: boolean
  }[]
}

function claimsOf(result: string): string {
  if (!existsSync(result)) return '\nNo run is recorded yet.\n\n'
  const run = JSON.parse(readFileSync(result, 'utf8')) as RecordedRun
  const rows = run.claims.map(
    ({ text, target, value, holds }) => `| ${text} | ${target} | ${value} | ${holds ? '✓' : '✗'} |`,
  )
  const head = [`| measured on ${run.at.slice(0, 10)} | target | | |`, '| --- | --- | --- | --- |']
  return `\n${[...head, ...rows].join('\n')}\n\n`
}

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
})
const stale: string[] = []
let count = 0
for (const file of files.split('\n').filter(Boolean)) {
  const text = readFileSync(file, 'utf8')
  const fill =
    (content: (source: string) => string) =>
    (_: string, head: string, source: string, _old: string, foot: string) => {
      count += 1
      return head + content(source) + foot
    }
  const renewed = text.replaceAll(block, fill(regionOf)).replaceAll(claims, fill(claimsOf))
  if (renewed === text) continue
  stale.push(file)
  if (!check) writeFileSync(file, renewed)
}
console.log(`snippets: ${count} blocks, ${stale.length} ${check ? 'out of date' : 'renewed'}`)
if (check && stale.length > 0) {
  console.error(`out of date: ${stale.join(', ')}; run: npm run snippets`)
  process.exit(1)
}
