/*
 * `npm run service-key -- add|use|drop FILE` takes a key that two services share one step further on
 * its way to the next one, as docs/rotating-keys.md describes. It prints no key.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'

type Step = (keys: readonly string[]) => readonly string[] | undefined

/** What each command makes of the keys in the file: the first signs, each is believed. */
const steps: Readonly<Record<string, Step>> = {
  add: ([key, ...others]) =>
    key !== undefined && others.length === 0
      ? [key, randomBytes(32).toString('base64url')]
      : undefined,
  use: ([key, next, ...others]) =>
    key !== undefined && next !== undefined && others.length === 0 ? [next, key] : undefined,
  drop: ([key, old, ...others]) =>
    key !== undefined && old !== undefined && others.length === 0 ? [key] : undefined,
}

const [command = '', file, ...more] = process.argv.slice(2)
const step = steps[command]

if (step === undefined || file === undefined || more.length > 0) {
  process.stderr.write('npm run service-key -- add|use|drop FILE\n')
  process.exitCode = 64
} else {
  const found = readFileSync(file, 'utf8').split(/\s+/).filter(Boolean)
  const keys = step(found)
  if (keys === undefined) {
    process.stderr.write(`${file} has ${found.length} key(s), with which ${command} does nothing\n`)
    process.exitCode = 1
  } else {
    // Whole or not at all: a process may start while this runs.
    const { mode } = statSync(file)
    try {
      writeFileSync(`${file}.new`, `${keys.join('\n')}\n`, { mode, flag: 'wx' })
      renameSync(`${file}.new`, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      process.stderr.write(
        `${file}.new is there: another run is at work, or one was interrupted before its key ` +
          `came into use. If none is at work, delete ${file}.new, which nothing uses, and run ` +
          `this again\n`,
      )
      process.exitCode = 1
    }
  }
}
