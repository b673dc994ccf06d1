import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestRun {
  readonly exitCode: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Runs vitest with its ordinary output, and counts from its JSON report. */
export async function runTests(args: readonly string[]): Promise<TestRun> {
  const folder = mkdtempSync(join(tmpdir(), 'payflow-report-'))
  const report = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const exitCode = await run('pnpm', ['exec', 'vitest', 'run', ...reporters, ...args], {
    env: { ...process.env, PAYFLOW_TEST_POSTGRES_18: '1' },
  })
  const counts = existsSync(report) ? readCounts(report) : { passed: 0, failed: 0, skipped: 0 }
  rmSync(folder, { recursive: true, force: true })
  return settle(exitCode, counts)
}

function readCounts(report: string): Omit<TestRun, 'exitCode'> {
  const json = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numTodoTests: number
    numFailedTestSuites: number
  }
  return {
    passed: json.numPassedTests,
    failed: json.numFailedTests,
    skipped: json.numPendingTests + json.numTodoTests,
  }
}

// A run in which a file could not be loaded, an error was unhandled or a test was skipped counts
// no failed test, and has failed all the same.
function settle(exitCode: number, counts: Omit<TestRun, 'exitCode'>): TestRun {
  const ranNothing = counts.passed + counts.failed === 0
  const broken = exitCode !== 0 || ranNothing || counts.skipped > 0
  return {
    ...counts,
    failed: broken && counts.failed === 0 ? 1 : counts.failed,
    exitCode: broken ? exitCode || 1 : 0,
  }
}

export function summaryLine(run: Omit<TestRun, 'exitCode'>): string {
  return `${run.passed} passed, ${run.failed} failed, ${run.skipped} skipped`
}

/** Runs a command with this process's output; resolves with its exit code. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options })
    const forward = (signal: NodeJS.Signals) => child.kill(signal)
    process.once('SIGINT', forward)
    process.once('SIGTERM', forward)
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      process.off('SIGINT', forward)
      process.off('SIGTERM', forward)
      resolve(code ?? (signal === null ? 1 : 128))
    })
  })
}
