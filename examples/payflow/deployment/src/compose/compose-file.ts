import { parse } from 'yaml'

/** When a service may start that depends on another. */
export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

/** What of a service of the Compose file decides how it runs. */
export interface ComposeService {
  readonly image: string
  readonly build?: { readonly context: string; readonly args: Readonly<Record<string, string>> }
  readonly pull_policy?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly networks?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: Condition }>>
  readonly healthcheck?: {
    readonly disable?: boolean
    readonly test?: readonly string[]
    readonly interval?: string
    readonly timeout?: string
    readonly retries?: number
    readonly start_period?: string
  }
  readonly restart?: string
  readonly read_only?: boolean
  readonly user?: string
  readonly privileged?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly stop_grace_period?: string
  readonly profiles?: readonly string[]
}

/** A Compose file whose variables are filled in. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/**
 * Reads a Compose file and fills in its variables, as Compose does: `${X:?why}` must be there,
 * `${X:-else}` has a default, `$$` is a dollar sign.
 *
 * @throws when a variable is missing, with the reason that the file gives.
 */
export function readComposeFile(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): ComposeFile {
  return filledIn(parse(text, { merge: true }), environment) as ComposeFile
}

/** What is started without naming a profile: services that have none. */
export function withoutProfiles(file: ComposeFile): ComposeFile {
  const services = Object.entries(file.services).filter(
    ([, { profiles = [] }]) => profiles.length === 0,
  )
  return { ...file, services: Object.fromEntries(services) }
}

function filledIn(value: unknown, environment: Readonly<Record<string, string | undefined>>): any {
  if (typeof value === 'string') return interpolate(value, environment)
  if (Array.isArray(value)) return value.map((one) => filledIn(one, environment))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, filledIn(one, environment)]),
  )
}

const VARIABLE = /\$\$|\$\{(\w+)(?::([?-])([^}]*))?\}/g

function interpolate(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(VARIABLE, (all, name?: string, kind?: string, rest?: string) => {
    if (all === '$$' || name === undefined) return '$'
    const value = environment[name] ?? ''
    if (value !== '') return value
    if (kind === '-') return rest ?? ''
    throw new Error(`required variable ${name} is missing a value: ${rest ?? ''}`)
  })
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }

/** The milliseconds of a duration such as `30s`. */
export function durationMs(text: string): number {
  const [, count, unit = ''] = /^(\d+)(ms|s|m)$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (count === undefined || factor === undefined) throw new Error(`${text} is no duration`)
  return Number(count) * factor
}
