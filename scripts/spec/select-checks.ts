import { parseArgs } from 'node:util'
import { full, mutations, quick, spares, type Check } from './checks.ts'

/** What the command line asks for. */
export interface Selection {
  readonly checks: readonly Check[]
  /** Nothing was left out: what no flaw breaks may then be called unproven. */
  readonly isComplete: boolean
  /** The most memory one search may take. */
  readonly memoryMb: number
}

/** The command line asks for something that there is not. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** By what `--only` calls a check: the flag of what is taken away, or what is searched for. */
export const nameOf = ({ name, without }: Check): string => without ?? name.replaceAll(' ', '-')

/** Names that `--only` takes. */
export const names: readonly string[] = [
  ...new Set([...quick, ...mutations, ...spares].map(nameOf)),
]

/**
 * Reads `--full` and `--only NAME,NAME`, in any order, together or not.
 *
 * @throws {@link UsageError} for an unknown option, and for a name that no check has: a check that was
 * asked for and did not run must not look like one that passed.
 */
export function selectChecks(args: readonly string[]): Selection {
  const { full: isFull, only } = parsed(args)
  const all = [...(isFull ? full : quick), ...mutations, ...spares]
  const wanted = only?.flatMap((list) => list.split(','))
  const unknown = wanted?.filter((name) => !names.includes(name)) ?? []
  if (unknown.length > 0) {
    const list = unknown.map((name) => `"${name}"`).join(', ')
    throw new UsageError(`--only: no check is called ${list}`)
  }
  return {
    checks: wanted === undefined ? all : all.filter((check) => wanted.includes(nameOf(check))),
    isComplete: wanted === undefined,
    memoryMb: isFull ? 8_000 : 2_000,
  }
}

function parsed(args: readonly string[]): { full: boolean; only: string[] | undefined } {
  const options = { full: { type: 'boolean' }, only: { type: 'string', multiple: true } } as const
  try {
    const { values } = parseArgs({ args: [...args], options })
    return { full: values.full ?? false, only: values.only }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
