/*
 * `npm run bench -- NAME [--quick]`: runs a benchmark on real, private, durable servers and writes
 * bench/results/NAME.{json,md,svg}. Ends with 1 when a case left wrong data behind, whatever its
 * speed; a claim that does not hold is a result, not a failure.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benches } from './benches.ts'
import { runBench } from './lib/run-bench.ts'

const print = (line: string) => console.log(line)

function help(): string {
  const names = Object.entries(benches).map(
    ([name, { about, takes }]) => `  ${name.padEnd(16)} ${about} (${takes})`,
  )
  return [
    'npm run bench -- NAME [--quick] [--out DIR] [--only SECTION]',
    '',
    ...names,
    '',
    '  --quick          under a minute: shows that it runs and that the data are right, no more',
    '  --out DIR        where NAME.json, NAME.md and NAME.svg go; otherwise bench/results',
    '  --only SECTION   this part alone (may be repeated); prints, and writes no file',
  ].join('\n')
}

function arguments_() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        out: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${help()}`)
    process.exit(2)
  }
}

const { positionals, values } = arguments_()
const [name = '', ...rest] = positionals
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (values.help) {
  print(help())
  process.exit(0)
}
if (bench === undefined || rest.length > 0) {
  const wrong =
    name === '' ? 'Which benchmark?' : `There is no benchmark "${positionals.join(' ')}".`
  console.error(`${wrong}\n\n${help()}`)
  process.exit(2)
}

const { quick, only } = values
const out = only.length > 0 ? null : (values.out ?? join(import.meta.dirname, '../results'))
try {
  const { faults } = await runBench(name, bench, { quick, only, out, print })
  if (out !== null) print(`\n  written: ${join(out, name)}.json, .md, .svg`)
  process.exit(faults.length === 0 ? 0 : 1)
} catch (error) {
  console.error(error)
  process.exit(1)
}
