/*
 * `npm run lessons [-- --quiet]`: each lesson of docs/lessons-from-the-original.md and each point of
 * docs/where-we-differ.md, with the tests that show it or the reason why there is none. Fails when one is
 * missing or has neither, and when any document names a test that does not exist:
 *   [`x.test.ts`](../path/x.test.ts): *the title of a test, as it is written in that file*
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { styleText } from 'node:util'

interface Proof {
  readonly file: string
  readonly title: string
}

/** How many numbered headings each of these has, from 1 on. */
const pages: Readonly<Record<string, number>> = {
  'docs/lessons-from-the-original.md': 45,
  'docs/where-we-differ.md': 25,
}

const proofLink = /\[`[^`]+`\]\(([^)#]+\.test\.ts)\): \*([^*]+)\*/g
const anyTestLink = /\]\([^)#]+\.test\.ts\): \S/g
const faults: string[] = []

function proofsIn(document: string, text: string): Proof[] {
  const proofs = [...text.matchAll(proofLink)].map(([, target = '', title = '']) => ({
    file: normalize(join(dirname(document), target)),
    title,
  }))
  if (proofs.length < [...text.matchAll(anyTestLink)].length) {
    faults.push(`${document}: the title of a test stands in *asterisks*: ${text.slice(0, 60)}`)
  }
  return proofs
}

const literalsOf = new Map<string, ReadonlySet<string>>()
/** Every string of a file: a title, or the row of a table that titles are made from. */
function literals(file: string): ReadonlySet<string> {
  const known = literalsOf.get(file)
  if (known !== undefined) return known
  const matches = readFileSync(file, 'utf8').matchAll(/(['"`])((?:(?!\1)[^\\\n]|\\.)*)\1/g)
  const found = new Set([...matches].map(([, , text = '']) => text.replaceAll(/\\(.)/g, '$1')))
  literalsOf.set(file, found)
  return found
}

function checkProof(document: string, { file, title }: Proof): void {
  if (!existsSync(file)) faults.push(`${document} names ${file}, which does not exist`)
  else if (!literals(file).has(title)) {
    faults.push(`${document} names the test "${title}", which ${file} lacks`)
  }
}

/** The numbered sections of a page; a section ends where the next heading begins. */
function sectionsOf(text: string): { number: number; heading: string; body: string }[] {
  return text.split(/^(?=#{2,3} )/m).flatMap((part) => {
    const [, number, heading] = /^### (\d+)\. (.+)/.exec(part) ?? []
    return number === undefined
      ? []
      : [{ number: Number(number), heading: heading ?? '', body: part }]
  })
}

function checkPage(document: string, count: number, quiet: boolean): void {
  const sections = sectionsOf(readFileSync(document, 'utf8'))
  const numbers = sections.map(({ number }) => number).join(' ')
  const expected = Array.from({ length: count }, (_, at) => at + 1).join(' ')
  if (numbers !== expected) faults.push(`${document} is to have 1 to ${count}: it has ${numbers}`)
  let shown = 0
  for (const { number, heading, body } of sections) {
    const proofs = proofsIn(document, body)
    const reason = /^- No test: (.+)$/m.exec(body)?.[1]
    if (proofs.length > 0) shown += 1
    if (proofs.length === 0 && reason === undefined) {
      faults.push(`${document}: ${number} has neither a test nor a reason`)
    }
    if (proofs.length > 0 && reason !== undefined) {
      faults.push(`${document}: ${number} has a test, and a reason for none`)
    }
    if (!quiet) print(number, heading, proofs, reason)
  }
  console.log(`${document}: ${shown} of ${sections.length} are shown by a test`)
}

function print(number: number, heading: string, proofs: Proof[], reason?: string): void {
  const mark = proofs.length > 0 ? styleText('green', '✓') : styleText('yellow', '–')
  console.log(`${mark} ${styleText('bold', String(number).padStart(2))}  ${heading}`)
  for (const { file, title } of proofs) {
    console.log(styleText('dim', `      ${file}\n        ${title}`))
  }
  if (reason !== undefined) console.log(styleText('dim', `      no test: ${reason}`))
}

const quiet = process.argv.includes('--quiet')
for (const [document, count] of Object.entries(pages)) checkPage(document, count, quiet)

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
})
let named = 0
for (const document of listed.split('\n').filter((file) => file !== '' && existsSync(file))) {
  const proofs = proofsIn(document, readFileSync(document, 'utf8'))
  named += proofs.length
  for (const proof of proofs) checkProof(document, proof)
}
console.log(`the documents name ${named} tests, ${faults.length} faults`)
for (const text of faults) console.error(styleText('red', text))
process.exit(faults.length === 0 ? 0 : 1)
