/*
 * `npm run check`: everything CI checks, in the order in which it is cheapest to learn of a fault.
 * Every step runs even after one failed, so that one run shows everything. `--quick` leaves out the
 * tests that need servers; `--only a,b` runs the steps named.
 */
import { styleText } from 'node:util'
import { run, runTests, summaryLine, type TestRun } from './lib/run-tests.ts'

interface Step {
  readonly name: string
  readonly what: string
  readonly run: () => Promise<number>
}

const pnpm = (...args: string[]) => run('pnpm', ['exec', ...args])
const script = (name: string, ...args: string[]) =>
  run(process.execPath, ['--conditions=@payflow/source', `scripts/${name}.ts`, ...args])

let tests: TestRun | undefined
const quick = process.argv.includes('--quick')

const steps: Step[] = [
  { name: 'format', what: 'oxfmt', run: () => pnpm('oxfmt', '--check') },
  { name: 'lint', what: 'oxlint, type-aware, with the import rules', run: () => pnpm('oxlint') },
  { name: 'types', what: 'TypeScript 7 over everything', run: types },
  { name: 'tidy', what: 'house rules a linter cannot see', run: () => script('tidy') },
  {
    name: 'snippets',
    what: 'code in the documents is what tests run',
    run: () => script('snippets', '--check'),
  },
  { name: 'knip', what: 'unused files, exports, dependencies', run: () => pnpm('knip') },
  { name: 'hazards', what: 'each has a test, or a reason for none', run: hazards },
  {
    name: 'lessons',
    what: 'tests that the documents name are there',
    run: () => script('lessons', '--quiet'),
  },
  { name: 'test', what: 'unit, integration, crash, end to end', run: test },
  {
    name: 'build',
    what: 'tsup for the packages',
    run: () => run('pnpm', ['--filter', './packages/*', 'run', 'build']),
  },
  {
    name: 'packages',
    what: 'packed tarballs: publint, attw, import, require, types',
    run: () => script('check-packages'),
  },
  { name: 'api', what: 'public surface as reviewed', run: () => script('api-reports') },
  { name: 'docs', what: 'API reference', run: () => pnpm('typedoc', '--logLevel', 'Warn') },
  { name: 'changeset', what: 'changes are announced', run: () => pnpm('changeset', 'status') },
]

async function types(): Promise<number> {
  const whole = await pnpm('tsc', '-p', 'tsconfig.json')
  return (await pnpm('tsc', '-p', 'examples/payflow/web/tsconfig.json')) || whole
}

function hazards(): Promise<number> {
  return script('hazards', '--quiet')
}

async function test(): Promise<number> {
  tests = await runTests(quick ? ['--project', 'unit'] : [])
  return tests.exitCode
}

function selected(): Step[] {
  const at = process.argv.indexOf('--only')
  if (at === -1) return steps
  const names = (process.argv[at + 1] ?? '').split(',')
  return steps.filter((step) => names.includes(step.name))
}

if (process.argv.includes('--help')) {
  console.log('npm run check [-- --quick] [-- --only STEP,STEP]\n')
  for (const { name, what } of steps) console.log(`  ${name.padEnd(10)} ${what}`)
  process.exit(0)
}

const outcomes: { name: string; ok: boolean; seconds: string }[] = []
for (const step of selected()) {
  console.log(styleText(['bold', 'cyan'], `\n▸ ${step.name}`) + styleText('dim', `  ${step.what}`))
  const started = performance.now()
  const code = await step.run()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  outcomes.push({ name: step.name, ok: code === 0, seconds })
}

console.log()
for (const { name, ok, seconds } of outcomes) {
  const mark = ok ? styleText('green', '✓') : styleText('red', '✗')
  console.log(`${mark} ${name.padEnd(10)} ${seconds.padStart(7)} s`)
}

const failedSteps = outcomes.filter((outcome) => !outcome.ok)
if (tests !== undefined) {
  // A failed step that is not a test counts as one failure, so that the line never reads green.
  const others = failedSteps.filter((step) => step.name !== 'test').length
  console.log(`\n${summaryLine({ ...tests, failed: tests.failed + others })}`)
}
process.exit(failedSteps.length === 0 ? 0 : 1)
