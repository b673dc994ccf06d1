import { parseArgs } from 'node:util'

/** A command line that was understood. */
export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'run' | 'report'; readonly config: string; readonly json: boolean }
  | {
      readonly name: 'watch'
      readonly config: string
      readonly json: boolean
      readonly intervalMs: number
    }

/** What is wrong with a command line. */
export interface UsageFault {
  readonly fault: string
}

export const usage = `payflow-reversal: end what is stuck in PENDING

  payflow-reversal run    --config <module>                one pass, for a CronJob
  payflow-reversal watch  --config <module>                pass after pass, until SIGTERM or SIGINT
  payflow-reversal report --config <module>                what a pass would look at; no change

  --config <module>    a module whose default export is a job made by createReversal, or
                       { reversal, close }, or a function returning either (also a promise)
  --interval-ms <n>    watch: from start to start of two passes, default 60000
  --json               one JSON object a line instead of text
  --help

Exit codes: 0 done · 1 database or config module unavailable · 2 wrong usage
            3 some rows failed and stay pending · 4 the guard maxPerRun ended the pass`

export function parseCommand(args: readonly string[]): Command | UsageFault {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        'interval-ms': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { name: 'help' }
    const [name, ...rest] = positionals
    if (name !== 'run' && name !== 'watch' && name !== 'report') {
      return { fault: `expected run, watch or report, not ${name ?? 'nothing'}` }
    }
    if (rest.length > 0) return { fault: `unexpected ${rest.join(' ')}` }
    if (values.config === undefined) return { fault: '--config <module> is missing' }
    const command = { config: values.config, json: values.json }
    const interval = values['interval-ms']
    if (name !== 'watch') {
      return interval === undefined
        ? { name, ...command }
        : { fault: '--interval-ms belongs to watch' }
    }
    const intervalMs = Number(interval ?? 60_000)
    return intervalMs >= 10 && intervalMs <= 86_400_000
      ? { name, ...command, intervalMs }
      : { fault: `--interval-ms must be from 10 to 86400000, not ${interval}` }
  } catch (error) {
    // parseArgs throws a TypeError that names the unknown or unfinished option.
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}
