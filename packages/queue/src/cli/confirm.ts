import { createInterface } from 'node:readline/promises'

/** Asks on the terminal; `undefined` when there is none to ask on. */
export function askOnTerminal(): ((question: string) => Promise<boolean>) | undefined {
  if (process.stdin.isTTY !== true) return undefined
  return async (question) => {
    // The question goes where progress goes: standard output may be read by a program.
    const asking = createInterface({ input: process.stdin, output: process.stderr })
    try {
      const answer = await asking.question(`${question} [y/N] `)
      return /^y(es)?$/i.test(answer.trim())
    } finally {
      asking.close()
    }
  }
}
