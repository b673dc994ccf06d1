import {
  SERVICE_CALLS,
  serviceKeyName,
  serviceKeyNamesOf,
  type ServiceCall,
  type ServiceKeyName,
} from '@payflow-app/contracts/internal'
import { z } from 'zod'
import type { ConfigFault } from './config.ts'

/** HS256 needs as many bits as its hash has (RFC 7518 §3.2): 32 bytes. */
const KEY_LENGTH_MIN = 32

/**
 * The key that one caller and one service share, or two while it is replaced: the first signs, each
 * is believed. docs/rotating-keys.md says how to go from one to the other.
 */
export type ServiceKey = readonly [string, ...string[]]

/** A {@link ServiceKey} in the environment: one text, or two with white space between them. */
export const serviceKeyVariable = z.string().transform((text, context): ServiceKey => {
  const keys = text.trim().split(/\s+/)
  const [first = '', second] = keys
  const long = keys.every((key) => key.length >= KEY_LENGTH_MIN)
  if (long && keys.length <= 2 && first !== second) return keys as unknown as ServiceKey
  const message = `must be a key of at least ${KEY_LENGTH_MIN} characters, or two different ones`
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

/** The keys that a process has, as variables. */
export type ServiceKeyVariables<Process extends string> = Readonly<
  Record<
    ServiceKeyName<
      Extract<ServiceCall, { readonly caller: Process } | { readonly audience: Process }>
    >,
    typeof serviceKeyVariable
  >
>

/** The variables with the keys of a process: of whom it calls, and of who calls it. No others. */
export function serviceKeyVariables<const Process extends string>(
  process: Process,
): ServiceKeyVariables<Process> {
  const names = serviceKeyNamesOf(process)
  const variables = Object.fromEntries(names.map((name) => [name, serviceKeyVariable]))
  return variables as ServiceKeyVariables<Process>
}

/** What a service believes: the keys of each of its callers. */
export type CallerKeys = ReadonlyMap<ServiceCall['caller'], ServiceKey>

/** The calls that a service answers. */
export type ServiceAudience = ServiceCall['audience']

/** Takes the keys of a service's callers from its configuration. */
export function callerKeys<const Audience extends ServiceAudience>(
  audience: Audience,
  config: Readonly<
    Record<ServiceKeyName<Extract<ServiceCall, { readonly audience: Audience }>>, ServiceKey>
  >,
): CallerKeys {
  const keys = config as Readonly<Record<string, ServiceKey>>
  return new Map(
    SERVICE_CALLS.filter((call) => call.audience === audience).map((call) => {
      const key = keys[serviceKeyName(call)]
      if (key === undefined) throw new TypeError(`There is no ${serviceKeyName(call)}`)
      return [call.caller, key]
    }),
  )
}

/** Says which variables have a key in common: whoever has the one could then pass for the other. */
export function serviceKeyFaults(config: Readonly<Record<string, unknown>>): ConfigFault[] {
  const known = new Map<string, string>()
  const faults: ConfigFault[] = []
  for (const call of SERVICE_CALLS) {
    const name = serviceKeyName(call)
    for (const key of (config[name] as ServiceKey | undefined) ?? []) {
      const other = known.get(key)
      if (other !== undefined) faults.push({ name, message: `has a key that ${other} has, too` })
      known.set(key, name)
    }
  }
  return faults
}
