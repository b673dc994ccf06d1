import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { spawnOwned, type Spin } from '@payflow/testkit'
import type { Check, Property } from './checks.ts'
import { readStory, type Story } from './story.ts'

const MODEL = join(import.meta.dirname, '../../spec/payment.pml')

/** What Spin found out in one run. */
export interface Finding {
  readonly states: number
  readonly durationMs: number
  /** The property that does not hold, with the shortest story found; none when all was searched. */
  readonly broken: { readonly property: Property; readonly story: Story } | undefined
  /** Steps of the specification that no run of this scope takes. */
  readonly unreached: readonly string[]
}

export interface SpinOptions {
  readonly tools: Spin
  /** An empty folder for this check alone. */
  readonly folder: string
  readonly memoryMb: number
}

/**
 * Generates the verifier of a check, compiles it and lets it search everything.
 *
 * @throws when the search was cut short by its bounds: then nothing is proven.
 */
export async function runSpin(check: Check, options: SpinOptions): Promise<Finding> {
  const { tools, folder } = options
  copyFileSync(MODEL, join(folder, 'payment.pml'))
  const flags = modelFlags(check)
  await command(folder, tools.spin, ['-a', ...flags, 'payment.pml'])
  await command(folder, tools.gcc, [
    ...compilerFlags(check, options.memoryMb),
    '-o',
    'pan',
    'pan.c',
  ])
  const startedAt = performance.now()
  const report = await command(folder, join(folder, 'pan'), searchFlags(check))
  const durationMs = performance.now() - startedAt
  const states = Number(/([\d.e+]+) states, stored/.exec(report)?.[1] ?? Number.NaN)
  const errors = /errors: (\d+)/.exec(report)?.[1]
  if (errors === undefined || Number.isNaN(states)) throw new Error(`pan said:\n${report}`)
  const cut = /max search depth too small|out of memory|reached -DMEMLIM|too many processes/.exec(
    report,
  )
  if (cut !== null) throw new Error(`${check.name}: the search is not complete: ${cut[0]}`)
  if (errors === '0') return { states, durationMs, broken: undefined, unreached: unreached(report) }
  if (!existsSync(join(folder, 'payment.pml.trail'))) throw new Error(`pan said:\n${report}`)
  const told = await command(folder, tools.spin, ['-t', '-T', ...flags, 'payment.pml'])
  return { states, durationMs, broken: readStory(check, told, MODEL), unreached: [] }
}

function modelFlags({ scope, without, formula, exceptAtRest }: Check): string[] {
  const { requests, workers, jobs, faults } = scope
  const bounds = { TWINS: requests, WORKERS: workers, JOBS: jobs, FAULTS: faults }
  return [
    ...Object.entries(bounds).map(([name, value]) => `-D${name}=${value}`),
    ...(without === undefined ? [] : [`-D${without}`]),
    ...(formula !== undefined || exceptAtRest === true ? ['-DNO_REST'] : []),
  ]
}

function compilerFlags({ formula, breaks }: Check, memoryMb: number): string[] {
  // Optimising takes the compiler four seconds, and pays from two million states on: among the
  // bounds that need the memory for them.
  const isLarge = breaks === undefined && memoryMb > 2_000
  const kind =
    formula === undefined
      ? // Breadth first, so that the first counterexample is a shortest one.
        ['-DSAFETY', '-DNOCLAIM', ...(breaks === undefined ? [] : ['-DBFS'])]
      : ['-DNFAIR=3']
  return [isLarge ? '-O1' : '-O0', '-w', '-DCOLLAPSE', `-DMEMLIM=${memoryMb}`, ...kind]
}

function searchFlags({ formula }: Check): string[] {
  const fair = formula === undefined ? [] : ['-a', '-f', '-N', formula]
  return ['-m1000000', ...fair]
}

/** The steps that pan names as never reached: the number of the state, then the step. */
function unreached(report: string): string[] {
  const steps = report.matchAll(/^unreached in proctype (\w+)|^\tpayment\.pml:\d+, (.*)$/gm)
  const found: string[] = []
  let proctype = ''
  for (const [, begins, step = ''] of steps) {
    proctype = begins ?? proctype
    const [, state, text] = /^state (\d+), "(.*)"$/.exec(step) ?? []
    if (text !== undefined && text !== '-end-') found.push(`${proctype}:${state} ${text}`)
  }
  return found
}

async function command(cwd: string, file: string, args: readonly string[]): Promise<string> {
  const { process: child, exited } = await spawnOwned(file, {
    args,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = await Promise.all([child.stdout, child.stderr].map((stream) => readAll(stream)))
  const { code, signal } = await exited
  const said = output.join('\n')
  if (code === 0) return said
  throw new Error(`${file} ${args.join(' ')} ended with ${code ?? signal}:\n${said.slice(-2_000)}`)
}

async function readAll(stream: NodeJS.ReadableStream | null): Promise<string> {
  return stream === null ? '' : await text(stream)
}
