import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chart } from './chart.ts'
import type { Bench, Context } from './context.ts'
import { before, environment } from './environment.ts'
import { scoreboardChart } from './scoreboard.ts'
import { figure, markdown } from './markdown.ts'
import { type Findings, type Result, resultOf } from './result.ts'

export interface RunOptions {
  readonly quick: boolean
  readonly only: readonly string[]
  /** Folder for the three files; null: print only. */
  readonly out: string | null
  readonly print: (line: string) => void
}

/** Runs a benchmark and writes `NAME.json`, `NAME.md` and `NAME.svg`. */
export async function runBench(name: string, bench: Bench, options: RunOptions): Promise<Findings> {
  const { quick, only, out, print } = options
  const started = new Date()
  const began = before()
  const servers: Record<string, string> = {}
  const settings: Record<string, string> = {}
  const context: Context = {
    quick,
    only,
    say: (line) => print(`  ${elapsed(started)}  ${line}`),
    used(server, version, theirs = {}) {
      servers[server] = version
      Object.assign(settings, theirs)
    },
  }
  const findings = await bench.run(context)
  const around = environment(quick ? 'quick' : 'full', began, servers, settings)
  const result = resultOf(name, started, around, findings)
  for (const line of summary(result, findings)) print(line)
  if (out !== null) write(out, result, findings, bench.about)
  return findings
}

function write(out: string, result: Result, findings: Findings, about: string): void {
  mkdirSync(out, { recursive: true })
  const put = (ending: string, text: string) =>
    writeFileSync(join(out, `${result.name}.${ending}`), text)
  put('json', `${JSON.stringify(result, undefined, 2)}\n`)
  put('md', markdown(result, findings, about))
  const title = `${result.name}, ${result.at.slice(0, 10)}`
  const { scoreboard, sections } = findings
  put('svg', scoreboard === undefined ? chart(title, sections) : scoreboardChart(title, scoreboard))
}

function* summary(result: Result, findings: Findings): Generator<string> {
  for (const section of findings.sections) {
    yield `\n  ${section.title}`
    for (const row of section.rows) {
      const range = row.min === row.max ? '' : `  (${figure(row.min)} – ${figure(row.max)})`
      const correct = row.correct === undefined ? '' : `  ${row.correct}`
      yield `    ${row.case.padEnd(64)} ${figure(row.median).padStart(9)} ${row.unit}${range}${correct}`
    }
  }
  if (result.claims.length > 0) yield '\n  Claims'
  for (const { id, text, target, value, holds } of result.claims) {
    yield `    ${holds ? '✓' : '✗'} ${id}  ${text}: ${figure(value)} (target ${figure(target)})`
  }
  for (const fault of findings.faults) yield `\n  ✗ ${fault}`
}

function elapsed(since: Date): string {
  const seconds = Math.round((Date.now() - since.getTime()) / 1000)
  return `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}`
}
