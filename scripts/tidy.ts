/*
 * House rules that no linter knows. Each ban names what to write instead.
 * Reads only files that git tracks or would track.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(file))

const faults: string[] = []
const fault = (file: string, line: number, text: string) => faults.push(`${file}:${line} ${text}`)

interface Ban {
  readonly pattern: RegExp
  readonly instead: string
  readonly where: (file: string) => boolean
}

const isCode = (file: string) => /\.(ts|tsx)$/.test(file)
const isTest = (file: string) => /(\.test\.ts|\/test\/)/.test(file)
const isText = (file: string) => /\.(ts|tsx|md|json|ya?ml|sh|sql|css|html)$/.test(file)
const isThis = (file: string) => file === 'scripts/tidy.ts'

const bans: Ban[] = [
  {
    pattern: /\b(it|test|describe)\.(only|skip|todo|fails)\b/,
    instead: 'a test runs or does not exist',
    where: isTest,
  },
  {
    pattern: /setTimeout\((r|resolve|done),|\bsleep\(/,
    instead: 'waitFor a condition, or a probe',
    where: isTest,
  },
  {
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    instead: 'finish it, or say what is missing in the docs',
    where: isCode,
  },
  {
    pattern: /ioredis-mock|mock-amqplib|pg-mem|vi\.mock\(['"](pg|ioredis|amqplib|kysely)/,
    instead: 'the real server, from testkit',
    where: isCode,
  },
  {
    pattern: /(oxlint-disable|@ts-expect-error|@ts-ignore)(?!.* -- )/,
    instead: 'the same with " -- reason" on the line',
    where: isCode,
  },
  {
    pattern: /parseFloat\(|\.toFixed\(2\)/,
    instead: 'integer minor units and the one formatter',
    where: (file) => file.startsWith('examples/') && file.includes('/src/'),
  },
  {
    pattern: /(^|[^a-z.])\/(work|farm|root)\/|tarball: *https?:\/\//,
    instead: 'a path relative to the project',
    where: isText,
  },
]

function checkBans(file: string, lines: readonly string[]): void {
  for (const ban of bans) {
    if (isThis(file) || !ban.where(file)) continue
    lines.forEach((line, index) => {
      if (ban.pattern.test(line)) {
        fault(file, index + 1, `"${line.trim().slice(0, 60)}": write instead: ${ban.instead}`)
      }
    })
  }
}

/** Lines of a document with what stands in fences left out. */
function prose(lines: readonly string[]): string[] {
  let fenced = false
  return lines.map((line) => {
    if (line.startsWith('```')) fenced = !fenced
    return fenced ? '' : line
  })
}

const anchorsOf = new Map<string, ReadonlySet<string>>()
/** The names under which GitHub lets headings be linked to. */
function anchors(file: string): ReadonlySet<string> {
  const known = anchorsOf.get(file)
  if (known !== undefined) return known
  const found = new Set<string>()
  for (const line of prose(readFileSync(file, 'utf8').split('\n'))) {
    const heading = /^#{1,6} (.+)$/.exec(line)?.[1]
    if (heading === undefined) continue
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const name = text.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
    let unique = name
    for (let at = 1; found.has(unique); at += 1) unique = `${name}-${at}`
    found.add(unique)
  }
  anchorsOf.set(file, found)
  return found
}

function checkMarkdown(file: string, lines: readonly string[]): void {
  const headings: number[] = []
  prose(lines).forEach((line, index) => {
    if (line.startsWith('# ')) headings.push(index + 1)
    for (const [, target = '', anchor] of line.matchAll(/\]\(([^)#\s]*)(?:#([^)]*))?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const path = target === '' ? file : normalize(join(dirname(file), target))
      if (!existsSync(path)) fault(file, index + 1, `links to ${target}, which does not exist`)
      else if (anchor !== undefined && path.endsWith('.md') && !anchors(path).has(anchor)) {
        fault(file, index + 1, `links to #${anchor}, which is no heading of ${path}`)
      }
    }
  })
  if (headings.length !== 1 && !file.endsWith('.api.md')) {
    fault(file, headings[1] ?? 1, `has ${headings.length} first-level headings, not one`)
  }
}

// A document that no index leads to is read by nobody.
const indexes: Readonly<Record<string, string>> = {
  docs: 'README.md',
  'docs/decisions': 'docs/decisions/README.md',
}
function checkIndexed(file: string): void {
  const index = indexes[dirname(file)]
  if (index === undefined || file === index) return
  const leads = [...readFileSync(index, 'utf8').matchAll(/\]\(([^)#\s]+)/g)].some(
    ([, target = '']) => normalize(join(dirname(index), target)) === file,
  )
  if (!leads) fault(file, 1, `is not linked from ${index}`)
}

// Titles are what people search for and what the hazard register counts.
const titles = new Map<string, string>()
function checkTitles(file: string, text: string): void {
  const suite = /describe\(\s*['"`]([^'"`]+)/.exec(text)?.[1] ?? ''
  for (const [, title] of text.matchAll(/^\s*(?:it|test)\(\s*['"`]([^'"`]+)['"`]/gm)) {
    const key = `${file.split('/').slice(0, 4).join('/')} ${suite} ${title}`
    const first = titles.get(key)
    if (first === undefined) titles.set(key, file)
    else fault(file, 1, `repeats the test title "${title}" of ${first}`)
  }
}

for (const file of files) {
  if (!isText(file) || statSync(file).size > 1_000_000 || file === 'pnpm-lock.yaml') continue
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n')
  checkBans(file, lines)
  if (file.endsWith('.md') && !file.startsWith('.changeset/')) checkMarkdown(file, lines)
  if (file.endsWith('.md')) checkIndexed(file)
  if (isTest(file) && isCode(file)) checkTitles(file, text)
}

for (const text of faults) console.error(text)
console.log(`tidy: ${files.length} files, ${faults.length} faults`)
process.exit(faults.length === 0 ? 0 : 1)
