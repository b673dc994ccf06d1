import { parseArgs } from 'node:util'
import type { MassReversalAction } from '../mass-reversal.ts'

interface Common {
  readonly config: string
  readonly json: boolean
}

/** A command line that was understood. */
export type Command =
  | { readonly name: 'help' }
  | (Common & {
      readonly name: 'run'
      readonly onMassReversal: MassReversalAction | undefined
      readonly tolerateMassReversal: boolean
    })
  | (Common & { readonly name: 'report'; readonly limit: number })
  | (Common & { readonly name: 'watch'; readonly intervalMs: number })

/** What is wrong with a command line. */
export interface UsageFault {
  readonly fault: string
}

const options = {
  config: { type: 'string' },
  json: { type: 'boolean', default: false },
  limit: { type: 'string' },
  'interval-ms': { type: 'string' },
  'on-mass-reversal': { type: 'string' },
  'tolerate-mass-reversal': { type: 'boolean' },
  help: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], allowPositionals: true, options })

export function parseCommand(args: readonly string[]): Command | UsageFault {
  try {
    const { values, positionals } = parse(args)
    if (values.help) return { name: 'help' }
    const [name, ...rest] = positionals
    if (rest.length > 0) return { fault: `unexpected ${rest.join(' ')}` }
    return commandOf(name, values)
  } catch (error) {
    // parseArgs throws a TypeError that names the unknown or unfinished option.
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

function commandOf(name: string | undefined, values: Values): Command | UsageFault {
  if (name !== 'run' && name !== 'watch' && name !== 'report') {
    return { fault: `expected run, watch or report, not ${name ?? 'nothing'}` }
  }
  const stray = strayOption(name, values)
  if (stray !== undefined) return { fault: `--${stray} does not belong to ${name}` }
  const { config, json } = values
  if (config === undefined) return { fault: '--config <module> is missing' }
  switch (name) {
    case 'run':
      return runCommand({ config, json }, values)
    case 'report': {
      const limit = numberOf(values.limit ?? '20', 0, 1_000)
      return limit === undefined
        ? { fault: `--limit must be a whole number from 0 to 1000, not ${values.limit}` }
        : { name, config, json, limit }
    }
    case 'watch': {
      const given = values['interval-ms']
      const intervalMs = numberOf(given ?? '60000', 10, 86_400_000)
      return intervalMs === undefined
        ? { fault: `--interval-ms must be a whole number from 10 to 86400000, not ${given}` }
        : { name, config, json, intervalMs }
    }
    default:
      return name satisfies never
  }
}

function runCommand(common: Common, values: Values): Command | UsageFault {
  const onMassReversal = values['on-mass-reversal']
  const tolerateMassReversal = values['tolerate-mass-reversal'] ?? false
  switch (onMassReversal) {
    case undefined:
    case 'proceed':
    case 'pause':
      return { name: 'run', ...common, onMassReversal, tolerateMassReversal }
    default:
      return { fault: `--on-mass-reversal must be proceed or pause, not ${onMassReversal}` }
  }
}

const owners = {
  limit: 'report',
  'interval-ms': 'watch',
  'on-mass-reversal': 'run',
  'tolerate-mass-reversal': 'run',
} as const

function strayOption(name: string, values: Values): string | undefined {
  const names = Object.keys(owners) as (keyof typeof owners)[]
  return names.find((option) => values[option] !== undefined && owners[option] !== name)
}

function numberOf(text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : undefined
}
