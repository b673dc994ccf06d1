/*
 * Goal: every benchmark still runs, leaves right data behind and writes its three files.
 * Method: each in quick mode on a private server of its own; nothing is asked about its speed.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { benches } from '../src/benches.ts'
import type { Result } from '../src/lib/result.ts'
import { runBench } from '../src/lib/run-bench.ts'

const out = mkdtempSync(join(tmpdir(), 'payflow-bench-results-'))
afterAll(() => rmSync(out, { recursive: true }))

describe('benchmarks', () => {
  test.each(Object.entries(benches))(
    '%s leaves right data behind and writes its files',
    async (name, bench) => {
      const { faults } = await runBench(name, bench, {
        quick: true,
        only: [],
        out,
        print: () => {},
      })
      expect(faults).toEqual([])
      const result = JSON.parse(readFileSync(join(out, `${name}.json`), 'utf8')) as Result
      expect(result.rows.length).toBeGreaterThan(0)
      for (const row of result.rows) {
        expect(row.case, row.case).not.toBe('')
        expect(Object.values(row), row.case).not.toContain(null)
      }
      expect(readFileSync(join(out, `${name}.md`), 'utf8')).toContain(`![chart](${name}.svg)`)
      expect(readFileSync(join(out, `${name}.svg`), 'utf8')).toContain('</svg>')
    },
    300_000,
  )
})

describe('npm run bench', () => {
  const run = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ['--conditions=@payflow/source', join(import.meta.dirname, '../src/main.ts'), ...args],
      { encoding: 'utf8' },
    )

  test.each([[[]], [['lodger']], [['ledger', '--fast']]])(
    'lists the benchmarks when asked for %j',
    (args) => {
      const { status, stderr } = run(...args)
      expect(status).toBe(2)
      for (const name of Object.keys(benches)) expect(stderr).toContain(`  ${name} `)
    },
  )
})
