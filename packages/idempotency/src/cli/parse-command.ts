import { parseArgs } from 'node:util'
import type { KnownResult } from '../known-result.ts'
import type { ForgetCondition } from '../operator.ts'

interface WorkOptions {
  readonly config: string
  readonly json: boolean
}

/** A command line that was understood. */
export type Command =
  | { readonly name: 'help' }
  | ({ readonly name: 'list' } & WorkOptions)
  | ({ readonly name: 'inspect'; readonly id: string } & WorkOptions)
  | ({
      readonly name: 'resolve'
      readonly id: string
      readonly result: KnownResult
      readonly ifFence: number | undefined
    } & WorkOptions)
  | ({ readonly name: 'forget'; readonly id: string } & ForgetCondition & WorkOptions)

/** What is wrong with a command line. */
export interface UsageFault {
  readonly fault: string
}

export const usage = `payflow-idempotency: look at keys whose outcome is unknown, and decide about them

  payflow-idempotency list         --config <module>
  payflow-idempotency inspect <id> --config <module>
  payflow-idempotency resolve <id> --config <module> --response <json> | --value <json>
  payflow-idempotency forget <id>  --config <module> --if-standing <standing>

  <id>                     the record id that list, events and ctx.id show; one that begins with a
                           dash goes last, behind --
  --config <module>        a module whose default export is made by createIdempotency, or
                           { idempotency, close }, or a function returning either (also a promise)
  --response <json>        resolve a route: {"status":201,"headers":{…},"body":"…"}
  --value <json>           resolve an execute(): the value it is known to have given
  --if-standing <standing> forget only what stands so: lapsed, indeterminate, completed, tombstone,
                           unreadable. After forgetting, the next request with the key executes.
  --if-fence <n>           resolve, forget: only if the record still has this fence
  --json                   one JSON object a line instead of text
  --help

Exit codes: 0 done · 1 store or config module unavailable · 2 wrong usage
            3 refused: the record stands otherwise · 4 no such record`

const standings = ['lapsed', 'indeterminate', 'completed', 'tombstone', 'unreadable'] as const

interface Flags {
  readonly 'if-standing'?: string | undefined
  readonly 'if-fence'?: string | undefined
  readonly response?: string | undefined
  readonly value?: string | undefined
}

const flagsOf: Readonly<Record<string, readonly (keyof Flags)[]>> = {
  list: [],
  inspect: [],
  resolve: ['response', 'value', 'if-fence'],
  forget: ['if-standing', 'if-fence'],
}

export function parseCommand(args: readonly string[]): Command | UsageFault {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        response: { type: 'string' },
        value: { type: 'string' },
        'if-standing': { type: 'string' },
        'if-fence': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { name: 'help' }
    const [name = 'nothing', ...ids] = positionals
    const allowed = flagsOf[name]
    if (allowed === undefined) {
      return { fault: `expected list, inspect, resolve or forget, not ${name}` }
    }
    const { config, json, help: _, ...flags } = values
    const stray = Object.keys(flags).find((flag) => !allowed.includes(flag as keyof Flags))
    if (stray !== undefined) return { fault: `--${stray} does not belong to ${name}` }
    if (config === undefined) return { fault: '--config <module> is missing' }
    const expected = name === 'list' ? 0 : 1
    if (ids.length !== expected) return { fault: `${name} takes ${expected} record ids` }
    return withId(name, ids[0] ?? '', { config, json }, flags)
  } catch (error) {
    // parseArgs throws a TypeError that names the unknown or unfinished option.
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

function withId(
  name: string,
  id: string,
  options: WorkOptions,
  flags: Flags,
): Command | UsageFault {
  if (name === 'list') return { name, ...options }
  if (!/^[\w-]{1,64}$/.test(id)) return { fault: `${id} is no record id` }
  if (name === 'inspect') return { name, id, ...options }
  const ifFence = flags['if-fence'] === undefined ? undefined : Number(flags['if-fence'])
  if (ifFence !== undefined && !Number.isSafeInteger(ifFence)) {
    return { fault: `--if-fence must be an integer, not ${flags['if-fence']}` }
  }
  if (name === 'resolve') {
    const result = knownResult(flags)
    return 'fault' in result ? result : { name, id, result, ifFence, ...options }
  }
  const ifStanding = standings.find((standing) => standing === flags['if-standing'])
  if (ifStanding === undefined) return { fault: `--if-standing must be ${standings.join(', ')}` }
  return { name: 'forget', id, ifStanding, ifFence, ...options }
}

function knownResult({ response, value }: Flags): KnownResult | UsageFault {
  if ((response === undefined) === (value === undefined)) {
    return { fault: 'resolve takes either --response <json> or --value <json>' }
  }
  const text = response ?? value ?? ''
  try {
    const parsed: unknown = JSON.parse(text)
    // What is wrong inside is said by the rules themselves.
    return response === undefined ? { value: parsed } : ({ response: parsed } as KnownResult)
  } catch {
    return { fault: `this is no JSON: ${text}` }
  }
}
