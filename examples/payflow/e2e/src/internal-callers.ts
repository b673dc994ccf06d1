/*
 * Everybody who may try a route that is not for people: each process with its own, valid token, and
 * somebody who has the key of one process and calls in the name of another.
 */
import {
  INTERNAL_ROUTES,
  serviceKeyName,
  type InternalOperation,
  type InternalRoute,
  type ServiceCall,
} from '@payflow-app/contracts/internal'
import { forgedTokenOf, serviceTokenOf, type ServiceKeys } from '@payflow-app/service-kit/testing'

/** Who calls, as a column of the table. */
export const INTERNAL_CALLERS = [
  'anonymous',
  'user',
  'stolen key',
  'auth',
  'transaction',
  'worker',
  'reversal',
  'notification',
] as const

/** Who calls. */
export type InternalCaller = (typeof INTERNAL_CALLERS)[number]

/** Who may call each process, and whom it may call: its one audience. */
const audienceOf = {
  auth: 'wallet',
  transaction: 'wallet',
  worker: 'wallet',
  reversal: 'wallet',
  notification: 'auth',
} as const satisfies Record<ServiceCall['caller'], ServiceCall['audience']>

/** The token of a caller for a route, made with the very keys of the running processes. */
export async function internalToken(
  operation: InternalOperation,
  caller: InternalCaller,
  keys: ServiceKeys,
  userToken: string,
): Promise<string | undefined> {
  if (caller === 'anonymous') return undefined
  if (caller === 'user') return userToken
  if (caller === 'stolen key') return await takenOver(INTERNAL_ROUTES[operation], keys)
  return await serviceTokenOf(keys, { caller, audience: audienceOf[caller] } as ServiceCall)
}

/**
 * What whoever has taken over notification-service can do: call in the name of who may, with the key
 * it has. On the route that it may call itself, it plays auth-service's key instead.
 */
async function takenOver({ audience, callers }: InternalRoute, keys: ServiceKeys) {
  const call = { caller: callers[0], audience } as ServiceCall
  const own = 'SERVICE_KEY_NOTIFICATION_TO_AUTH'
  const stolen = serviceKeyName(call) === own ? 'SERVICE_KEY_AUTH_TO_WALLET' : own
  return await forgedTokenOf(keys, call, stolen)
}
