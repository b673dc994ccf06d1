// The command line and its exit codes, with jobs that need no database.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCodes, runCli } from '../src/cli/index.ts'

let folder: string
let number = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payflow-reversal-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function cli(args: readonly string[], signal?: AbortSignal) {
  const out: string[] = []
  const err: string[] = []
  const code = await runCli(args, {
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
    signal,
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

async function configModule(source: string): Promise<string> {
  const path = join(folder, `config-${(number += 1)}.mjs`)
  await writeFile(path, source)
  return path
}

const signs = {
  windowMs: 1_500_000,
  created: 42,
  completed: 30,
  reversed: 0,
  stale: 12,
  share: 12 / 42,
  causes: ['share'],
}
const counts = { scanned: 1, reversed: 1, completed: 0, notYet: 0, lost: 0, failed: 0 }
const jobAnswering = (result: object) => `{
  run: async () => (${JSON.stringify({ ...counts, endedBy: 'done', durationMs: 7, ...result })}),
  watch: async () => {},
  report: async () => ({
    table: 'payments', pending: 3, oldestPendingMs: 90000, beyondMaxPerRun: true,
    undispatched: { count: 2, oldestMs: 90000 }, unprocessed: { count: 0 },
    wouldPause: true, massReversal: ${JSON.stringify(signs)},
    rows: [
      { id: 'a7', reason: 'undispatched', ageMs: 90000, overdueMs: 30000, wouldBe: 'reversed' },
      { id: 'b12', reason: 'undispatched', ageMs: 80000, overdueMs: 20000 },
    ],
    more: 17,
    logbook: { lastEndedBy: 'paused', lastEndedMsAgo: 40000, lastSuccessMsAgo: 7300000 },
  }),
}`

describe('runCli', () => {
  it.each([
    ['nothing', []],
    ['an unknown command', ['walk', '--config', 'x']],
    ['two commands', ['run', 'watch', '--config', 'x']],
    ['no config', ['run']],
    ['an unknown option', ['run', '--config', 'x', '--fast']],
    ['an interval for a single run', ['run', '--config', 'x', '--interval-ms', '100']],
    ['an interval that is no number', ['watch', '--config', 'x', '--interval-ms', 'soon']],
    ['an interval in fractions', ['watch', '--config', 'x', '--interval-ms', '100.5']],
    ['a limit for a run', ['run', '--config', 'x', '--limit', '5']],
    ['a limit without bound', ['report', '--config', 'x', '--limit', '1001']],
    ['an action nobody knows', ['run', '--config', 'x', '--on-mass-reversal', 'panic']],
    ['an action for a report', ['report', '--config', 'x', '--on-mass-reversal', 'pause']],
    ['an absent module', ['run', '--config', './absent.mjs']],
  ])('exits 2 on %s', async (_, args) => {
    const { code, err } = await cli(args)
    expect(code).toBe(exitCodes.usage)
    expect(err).toContain('payflow-reversal: ')
  })

  it('exits 2 on a module that exports no job', async () => {
    const config = await configModule('export default { run() {} }')
    const { code, err } = await cli(['run', '--config', config])
    expect(code).toBe(exitCodes.usage)
    expect(err).toContain('createReversal')
  })

  it('exits 0 on --help', async () => {
    const { code, out } = await cli(['--help'])
    expect(code).toBe(exitCodes.ok)
    expect(out).toContain('Exit codes')
  })

  it.each([
    ['ok', {}, exitCodes.ok],
    ['ok: the next run goes on', { endedBy: 'time_budget' }, exitCodes.ok],
    ['rows failed', { failed: 2 }, exitCodes.rowsFailed],
    ['guard reached', { endedBy: 'max_per_run', failed: 2 }, exitCodes.guardReached],
    ['mass reversal', { massReversal: { ...signs, action: 'proceed' } }, exitCodes.massReversal],
    [
      'mass reversal, before the guard',
      { massReversal: { ...signs, action: 'proceed' }, endedBy: 'max_per_run' },
      exitCodes.massReversal,
    ],
    [
      'paused',
      { massReversal: { ...signs, action: 'pause' }, endedBy: 'paused' },
      exitCodes.paused,
    ],
  ])('tells by its exit code how a run went: %s', async (_, result, expected) => {
    const config = await configModule(`export default ${jobAnswering(result)}`)
    const { code, out } = await cli(['run', '--config', config, '--json'])
    expect(code).toBe(expected)
    expect(JSON.parse(out)).toMatchObject(result)
  })

  it('takes a job, a job with close, and functions returning them', async () => {
    const job = jobAnswering({})
    for (const source of [
      `export default ${job}`,
      `export default { reversal: ${job} }`,
      `export default () => (${job})`,
      `export default async () => ({ reversal: ${job}, close: async () => {} })`,
    ]) {
      const { code, out } = await cli(['run', '--config', await configModule(source)])
      expect({ code, out }).toEqual({
        code: 0,
        out:
          '1 stale: 1 reversed, 0 completed, 0 not yet, 0 lost to another writer, 0 failed; ' +
          'ended by done after 7 ms',
      })
    }
  })

  it('exits 1 when the run can not go on, and closes all the same', async () => {
    const config = await configModule(`
      import { ReversalError } from ${JSON.stringify(new URL('../src/errors.ts', import.meta.url).href)}
      const reversal = { watch() {}, report() {}, run: async () => {
        throw new ReversalError('REVERSAL_STORE_UNAVAILABLE', 'gone', { retryable: true })
      } }
      export default { reversal, close: async () => { throw new Error('closed badly') } }`)
    const { code, err } = await cli(['run', '--config', config])
    expect(code).toBe(exitCodes.unavailable)
    expect(err).toContain('gone')
    expect(err).toContain('closed badly')
  })

  it('REV-11 says a mass reversal in words, and lets it pass where it is told to', async () => {
    const massReversal = { ...signs, action: 'proceed' }
    const config = await configModule(`export default ${jobAnswering({ massReversal, failed: 2 })}`)
    const run = await cli(['run', '--config', config])
    expect(run.code).toBe(exitCodes.massReversal)
    expect(run.err).toBe(
      'payflow-reversal: MASS REVERSAL (share): of 42 rows created in 25 min, 30 completed, ' +
        '0 reversed; 12 stale now, 29 % of what should have ended; it went on',
    )
    const tolerant = await cli(['run', '--config', config, '--tolerate-mass-reversal'])
    expect(tolerant).toMatchObject({ code: exitCodes.rowsFailed, err: run.err })
  })

  it('REV-11 has no way to let a pause pass', async () => {
    const massReversal = { ...signs, action: 'pause' }
    const result = { massReversal, endedBy: 'paused' }
    const config = await configModule(`export default ${jobAnswering(result)}`)
    const { code } = await cli(['run', '--config', config, '--tolerate-mass-reversal'])
    expect(code).toBe(exitCodes.paused)
  })

  it('hands its options to the job, and tells how far a long run is', async () => {
    const config = await configModule(`export default { watch() {}, report() {},
      async run({ onMassReversal, onProgress }) {
        onProgress({ stale: 1000, scanned: 120, settled: 110, failed: 4, elapsedMs: 2004 })
        return { ...${JSON.stringify(counts)}, endedBy: 'done', durationMs: 7, onMassReversal }
      } }`)
    const args = ['run', '--config', config, '--on-mass-reversal', 'proceed', '--json']
    const { out, err } = await cli(args)
    expect(JSON.parse(out)).toMatchObject({ onMassReversal: 'proceed' })
    expect(err).toBe(
      'payflow-reversal: 120 of about 1000 stale rows after 2 s: 110 settled, 4 failed',
    )
  })

  it('prints a report as a table', async () => {
    const config = await configModule(`export default ${jobAnswering({})}`)
    const { out } = await cli(['report', '--config', config])
    expect(out).toMatchInlineSnapshot(`
      "payments
                                rows       oldest
      pending                      3         90 s
      stale: undispatched          2         90 s
      stale: unprocessed           0            -
      more than maxPerRun: one run will not do
      MASS REVERSAL (share): of 42 rows created in 25 min, 30 completed, 0 reversed; 12 stale now, 29 % of what should have ended; a run would decide nothing
      last run: 40 s ago, ended by paused; last success: 2 h ago

      id   leash         age   overdue  would be
      a7   undispatched  90 s  30 s     reversed
      b12  undispatched  80 s  20 s     -
      and 17 more"
    `)
  })
})
