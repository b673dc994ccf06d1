/**
 * What the processes ask of each other: every route that takes service tokens, and who may call it.
 * From that follows who shares a key with whom, so nobody has a key for what it need not do.
 *
 * @packageDocumentation
 */
import type { PayflowProcess } from './arrows.ts'

/** A route for other processes. */
export interface InternalRoute {
  /** Who answers. */
  readonly audience: PayflowProcess
  readonly method: 'GET' | 'POST'
  /** As Express writes it. */
  readonly path: string
  /** Who may call. Everybody else is refused, with a valid token too. */
  readonly callers: readonly PayflowProcess[]
}

/** Every route that takes a service token. */
export const INTERNAL_ROUTES = {
  openWallet: { audience: 'wallet', method: 'POST', path: '/wallets', callers: ['auth'] },
  placeHold: {
    audience: 'wallet',
    method: 'POST',
    path: '/wallets/holds',
    callers: ['transaction'],
  },
  postHold: { audience: 'wallet', method: 'POST', path: '/wallets/transfer', callers: ['worker'] },
  postRefund: { audience: 'wallet', method: 'POST', path: '/wallets/refunds', callers: ['worker'] },
  releaseHold: {
    audience: 'wallet',
    method: 'POST',
    path: '/wallets/holds/:id/release',
    // transaction-service gives back what it held for a payment that it then could not write down.
    callers: ['transaction', 'worker', 'reversal'],
  },
  readWallet: {
    audience: 'wallet',
    method: 'GET',
    path: '/wallets/:userId',
    callers: ['transaction'],
  },
  auditLedger: {
    audience: 'wallet',
    method: 'GET',
    path: '/wallets/audit',
    callers: ['transaction'],
  },
  readContacts: {
    audience: 'auth',
    method: 'GET',
    path: '/internal/contacts',
    callers: ['notification'],
  },
} as const satisfies Readonly<Record<string, InternalRoute>>

/** The name of a route for other processes. */
export type InternalOperation = keyof typeof INTERNAL_ROUTES

type CallsOf<Route> = Route extends {
  readonly audience: infer Audience extends PayflowProcess
  readonly callers: readonly (infer Caller extends PayflowProcess)[]
}
  ? Caller extends PayflowProcess
    ? { readonly caller: Caller; readonly audience: Audience }
    : never
  : never

/** Who calls whom with a service token: each has a key of its own. */
export type ServiceCall = CallsOf<(typeof INTERNAL_ROUTES)[InternalOperation]>

/** The variable with the key of a call. It has this name for the caller and for who is called. */
export type ServiceKeyName<Call extends ServiceCall = ServiceCall> = Call extends ServiceCall
  ? `SERVICE_KEY_${Uppercase<Call['caller']>}_TO_${Uppercase<Call['audience']>}`
  : never

/** Returns the name of the variable with the key of a call. */
export function serviceKeyName<Call extends ServiceCall>(call: Call): ServiceKeyName<Call> {
  const name = `SERVICE_KEY_${call.caller}_TO_${call.audience}`
  return name.toUpperCase() as ServiceKeyName<Call>
}

/** Returns what the file with such a key is called: `service-key-worker-to-wallet`. */
export function serviceKeyFile(name: ServiceKeyName): string {
  return name.toLowerCase().replaceAll('_', '-')
}

/** Every call, once. */
export const SERVICE_CALLS: readonly ServiceCall[] = [
  ...new Map(
    Object.values(INTERNAL_ROUTES)
      .flatMap(({ audience, callers }) => callers.map((caller) => ({ caller, audience })))
      .map((call) => call as ServiceCall)
      .map((call) => [serviceKeyName(call), call] as const),
  ).values(),
]

/** The variables with the keys of all calls. A process is given those of its own calls. */
export const SERVICE_KEY_NAMES: readonly ServiceKeyName[] = SERVICE_CALLS.map((call) =>
  serviceKeyName(call),
)

/** The keys that a process has: of whom it calls, and of who calls it. */
export function serviceKeyNamesOf(process: string): readonly ServiceKeyName[] {
  return SERVICE_CALLS.filter(
    ({ caller, audience }) => caller === process || audience === process,
  ).map((call) => serviceKeyName(call))
}
