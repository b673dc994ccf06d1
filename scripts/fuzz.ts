/*
 * `npm run fuzz`: generated requests against every route of a running PayFlow, as in the tests.
 * `--full` sends 2,000 to each route, `--runs N` as many as you like. TEST_SEED replays a run.
 */
import { wholeNumber } from '@payflow/testkit'
import { run } from './lib/run-tests.ts'

const at = process.argv.indexOf('--runs')
const given = at === -1 ? undefined : wholeNumber('runs', process.argv[at + 1] ?? '')
const runs = process.argv.includes('--full') ? 2_000 : given
const test = 'examples/payflow/e2e/fuzz.e2e.test.ts'
process.exitCode = await run('pnpm', ['exec', 'vitest', 'run', '--project', 'e2e', test], {
  env: { ...process.env, ...(runs !== undefined && { PAYFLOW_FUZZ_RUNS: String(runs) }) },
})
