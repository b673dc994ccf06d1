import { parseArgs } from 'node:util'
import type { ParkedFilter } from '../operator/types.ts'

/** What every command but help has. */
export interface WorkOptions {
  readonly config: string
  /** `undefined`: as the output is, a terminal or not. */
  readonly json: boolean | undefined
}

/** What redrive and requeue have in common. */
export interface MoveOptions {
  readonly where: ParkedFilter
  readonly limit: number | undefined
  readonly reason: string | undefined
  readonly actor: string | undefined
  readonly dryRun: boolean
  readonly yes: boolean
}

/** A command line that was understood. */
export type Command =
  | { readonly name: 'help' }
  | ({ readonly name: 'depth'; readonly queues: readonly string[] } & WorkOptions)
  | ({
      readonly name: 'parked list'
      readonly queue: string
      readonly where: ParkedFilter
      readonly limit: number | undefined
    } & WorkOptions)
  | ({
      readonly name: 'parked inspect'
      readonly queue: string
      readonly id: string
      readonly body: boolean
    } & WorkOptions)
  | ({
      readonly name: 'parked redrive'
      readonly queue: string
      readonly ratePerS: number | undefined
      readonly maxParkedAgainRatio: number | undefined
      readonly force: boolean
    } & MoveOptions &
      WorkOptions)
  | ({
      readonly name: 'outbox parked'
      readonly where: ParkedFilter
      readonly limit: number | undefined
    } & WorkOptions)
  | ({ readonly name: 'outbox requeue' } & MoveOptions & WorkOptions)
  | ({ readonly name: 'topology plan' | 'topology apply' | 'reconcile' } & WorkOptions)
  | ({ readonly name: 'sweep'; readonly retentionMs: number | undefined } & WorkOptions)

/** What is wrong with a command line. */
export interface UsageFault {
  readonly fault: string
}

const texts = { type: 'string', multiple: true } as const
const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const
const options = {
  id: texts,
  type: texts,
  key: texts,
  'parked-as': texts,
  'min-age-ms': text,
  'max-age-ms': text,
  limit: text,
  reason: text,
  actor: text,
  'rate-per-s': text,
  'max-parked-again': text,
  'retention-ms': text,
  'dry-run': flag,
  force: flag,
  yes: flag,
  body: flag,
} as const

type Flag = keyof typeof options

const filter: readonly Flag[] = ['id', 'type', 'key', 'limit']
const parkedFilter: readonly Flag[] = [...filter, 'parked-as', 'min-age-ms', 'max-age-ms']
const move: readonly Flag[] = ['reason', 'actor', 'dry-run', 'yes']

/** Which flags a command takes, and how many words after its name. */
const commands: Readonly<Record<string, { flags: readonly Flag[]; words: string | undefined }>> = {
  depth: { flags: [], words: undefined },
  'parked list': { flags: parkedFilter, words: '<queue>' },
  'parked inspect': { flags: ['body'], words: '<queue> <id>' },
  'parked redrive': {
    flags: [...parkedFilter, ...move, 'rate-per-s', 'max-parked-again', 'force'],
    words: '<queue>',
  },
  'outbox parked': { flags: filter, words: '' },
  'outbox requeue': { flags: [...filter, ...move], words: '' },
  'topology plan': { flags: [], words: '' },
  'topology apply': { flags: [], words: '' },
  reconcile: { flags: [], words: '' },
  sweep: { flags: ['retention-ms'], words: '' },
}

export function parseCommand(args: readonly string[]): Command | UsageFault {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...options, config: text, json: flag, text: flag, help: flag },
    })
    const { config, json, text: plain, help, ...flags } = values
    if (help) return { name: 'help' }
    const grouped = ['parked', 'outbox', 'topology'].includes(positionals[0] ?? '')
    const name = positionals.slice(0, grouped ? 2 : 1).join(' ')
    const command = commands[name]
    if (command === undefined) {
      return { fault: `expected ${Object.keys(commands).join(', ')}, not ${name || 'nothing'}` }
    }
    const given = Object.entries(flags).filter(([, value]) => value !== false)
    const stray = given.find(([one]) => !command.flags.includes(one as Flag))
    if (stray !== undefined) return { fault: `--${stray[0]} does not belong to ${name}` }
    if (config === undefined) return { fault: '--config <module> is missing' }
    if (json && plain) return { fault: '--json and --text exclude each other' }
    const words = positionals.slice(grouped ? 2 : 1)
    const { words: expected } = command
    if (expected !== undefined && words.length !== expected.split(' ').filter(Boolean).length) {
      return { fault: `${name} takes ${expected === '' ? 'nothing more' : expected}` }
    }
    return withFlags(name, words, { config, json: json || (plain ? false : undefined) }, flags)
  } catch (error) {
    // parseArgs throws a TypeError that names the unknown or unfinished option.
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

type Flags = {
  readonly [F in Flag]?:
    | ((typeof options)[F] extends { multiple: true }
        ? string[]
        : (typeof options)[F] extends { type: 'string' }
          ? string
          : boolean)
    | undefined
}

function withFlags(
  name: string,
  [queue = '', id = '', ...more]: readonly string[],
  work: WorkOptions,
  flags: Flags,
): Command {
  const number = (
    one: 'limit' | 'rate-per-s' | 'max-parked-again' | 'retention-ms' | 'min-age-ms' | 'max-age-ms',
  ) => {
    const value = flags[one]
    if (value === undefined) return undefined
    if (/^\d+(\.\d+)?$/.test(value)) return Number(value)
    throw new TypeError(`--${one} must be a number, not ${value}`)
  }
  const where = {
    id: flags.id,
    type: flags.type,
    key: flags.key,
    reason: flags['parked-as'],
    minAgeMs: number('min-age-ms'),
    maxAgeMs: number('max-age-ms'),
  }
  const limit = number('limit')
  const moving = (): MoveOptions => {
    const { reason, actor } = flags
    const dryRun = flags['dry-run'] ?? false
    if (!dryRun && reason === undefined) throw new TypeError('--reason <text> is missing')
    if (!dryRun && actor === undefined) throw new TypeError('--actor <name> is missing')
    return { where, limit, reason, actor, dryRun, yes: flags.yes ?? false }
  }
  switch (name) {
    case 'depth':
      return { name, queues: [queue, id, ...more].filter(Boolean), ...work }
    case 'parked list':
      return { name, queue, where, limit, ...work }
    case 'parked inspect':
      return { name, queue, id, body: flags.body ?? false, ...work }
    case 'parked redrive':
      return {
        name,
        queue,
        ratePerS: number('rate-per-s'),
        maxParkedAgainRatio: number('max-parked-again'),
        force: flags.force ?? false,
        ...moving(),
        ...work,
      }
    case 'outbox parked':
      return { name, where, limit, ...work }
    case 'outbox requeue':
      return { name, ...moving(), ...work }
    case 'sweep':
      return { name, retentionMs: number('retention-ms'), ...work }
    default:
      return { name: name as 'topology plan' | 'topology apply' | 'reconcile', ...work }
  }
}
