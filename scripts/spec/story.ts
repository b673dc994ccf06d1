import { readFileSync } from 'node:fs'
import { assertions, type Check, type Property } from './checks.ts'

/** A counterexample as sentences, one a step. */
export type Story = readonly string[]

const SENTENCE = /^\s*((?:request|worker|job) \d|relay|broker|ledger|clock|operator|world): (.+)$/

/** Reads what `spin -t` prints of a counterexample: which property it breaks, and how. */
export function readStory(
  check: Check,
  told: string,
  modelFile: string,
): { readonly property: Property; readonly story: Story } {
  const story: string[] = []
  for (const line of told.split('\n')) {
    const [, who, what] = SENTENCE.exec(line) ?? []
    if (who !== undefined) story.push(`${who.padEnd(9)}  ${what}`)
    if (line.includes('START OF CYCLE')) story.push('and from here on, for ever:')
  }
  if (story.at(-1)?.endsWith('for ever:') === true) {
    story.pop()
    story.push('and nothing else ever happens')
  }
  const line = /payment\.pml:(\d+), Error: assertion violated/.exec(told)?.[1]
  if (line === undefined) {
    if (check.formula !== undefined) return { property: check.formula, story }
    throw new Error(`a counterexample that breaks no assertion:\n${told.slice(-2_000)}`)
  }
  return { property: propertyAt(Number(line), modelFile), story }
}

/** An assertion is named by the comment behind it. */
function propertyAt(line: number, modelFile: string): Property {
  const text = readFileSync(modelFile, 'utf8').split('\n')[line - 1] ?? ''
  const name = /assert\(.*\/\* (\S+) \*\//.exec(text)?.[1]
  if (name !== undefined && Object.hasOwn(assertions, name)) return name as Property
  throw new Error(`line ${line} of the specification has no named assertion: ${text}`)
}
