import {
  API_OPERATIONS,
  apiRoute,
  type ApiOperation,
  type ApiRoute,
} from '@payflow-app/contracts/api'
import {
  addLogContext,
  requireUser,
  route,
  userOf,
  type HttpClient,
  type RawAnswer,
  type UserTokens,
} from '@payflow-app/service-kit'
import { getIdempotency } from '@payflow/idempotency/express'
import type { Express, Request, RequestHandler } from 'express'
import { forwardStream, type StreamForwarding } from './forward-stream.ts'
import { forward, type ForwardedCall } from './forward.ts'
import type { LimitSubject } from './rate-limits/policies.ts'
import type { RateLimits } from './rate-limits/rate-limits.ts'
import { networkOf } from './rate-limits/subject-key.ts'
import { queryString } from './query-string.ts'
import { validateRequest, validRequest } from './validate-request.ts'

/** The services behind the gateway. */
export type Upstream = 'auth' | 'wallet' | 'transaction' | 'notification'

/** What the routes need. */
export interface PublicRouteOptions {
  readonly clients: Readonly<Record<Upstream, HttpClient>>
  readonly userTokens: UserTokens
  /** Executes a request with a key once. */
  readonly onePerKey: RequestHandler
  readonly limits: RateLimits
  readonly streams: StreamForwarding
}

/** Who answers each operation. */
const upstreamOf: Readonly<Record<ApiOperation, Upstream>> = {
  register: 'auth',
  login: 'auth',
  refresh: 'auth',
  logout: 'auth',
  me: 'auth',
  listSessions: 'auth',
  endSession: 'auth',
  listActivity: 'auth',
  changePassword: 'auth',
  forgotPassword: 'auth',
  resetPassword: 'auth',
  logoutAll: 'auth',
  searchUsers: 'auth',
  getUser: 'auth',
  getWallet: 'wallet',
  getStatement: 'wallet',
  getStatementCsv: 'wallet',
  topUp: 'transaction',
  withdraw: 'transaction',
  createTransaction: 'transaction',
  refundTransaction: 'transaction',
  listTransactions: 'transaction',
  getTransaction: 'transaction',
  followTransaction: 'transaction',
  listNotifications: 'notification',
  countUnreadNotifications: 'notification',
  getNotificationPreferences: 'notification',
  setNotificationPreferences: 'notification',
  markNotificationRead: 'notification',
  deleteNotification: 'notification',
  getStatus: 'transaction',
}

/**
 * Mounts every route of the contract, and no other: no path is passed through as it came, so no
 * internal route can be reached. `docs/api-gateway-checks.md` lists what stands in front of each.
 */
export function mountPublicRoutes(app: Express, options: PublicRouteOptions): void {
  for (const [path, operations] of Map.groupBy(API_OPERATIONS, (name) => apiRoute(name).path)) {
    const chains = operations.map((name) => [
      apiRoute(name).method.toLowerCase(),
      chainOf(name, options),
    ])
    route(app, path, Object.fromEntries(chains) as Parameters<typeof route>[2])
  }
}

function chainOf(operation: ApiOperation, options: PublicRouteOptions): RequestHandler[] {
  const described = apiRoute(operation)
  const limit = (subject: LimitSubject) => options.limits.handlersOf(described.rateLimit, subject)
  return [
    // Before the token is looked at, which costs more than counting.
    ...limit('address'),
    ...(described.access === 'user' ? [requireUser(options.userTokens), ...limit('user')] : []),
    validateRequest(described),
    ...limit('account'),
    ...(described.idempotencyKey ? [options.onePerKey] : []),
    described.success.events
      ? streamFrom(options.clients[upstreamOf[operation]], described, options.streams)
      : forwardTo(options.clients, upstreamOf[operation], described),
  ]
}

function forwardTo(
  clients: PublicRouteOptions['clients'],
  upstream: Upstream,
  described: ApiRoute,
): RequestHandler {
  const client = clients[upstream]
  const { method, body, cookies = false, idempotencyKey } = described
  return async function forwardRequest(req, res) {
    namePayment(described, req)
    await forward(client, req, res, {
      method,
      path: pathOf(described, upstream, req),
      cookies,
      ...(upstream === 'auth' && { headers: callerHeaders(req) }),
      ...(body && { json: req.body as unknown }),
      ...(idempotencyKey && underItsKey(req)),
    })
  }
}

/** Who calls, for the audit log: auth-service itself sees nobody but the gateway. */
function callerHeaders(req: Request): Record<string, string> {
  return {
    'x-client-address': networkOf(req.ip ?? ''),
    'user-agent': req.get('user-agent') ?? '',
  }
}

function streamFrom(
  client: HttpClient,
  described: ApiRoute,
  streams: StreamForwarding,
): RequestHandler {
  return async function forwardEvents(req, res) {
    const { userId } = userOf(req)
    namePayment(described, req)
    await forwardStream(req, res, {
      ...streams,
      client,
      userId,
      path: pathOf(described, 'transaction', req),
    })
  }
}

/** Where the service has it: under the same path, without `/api`. */
function pathOf({ path }: ApiRoute, upstream: Upstream, req: Request): string {
  const { params, query } = validRequest(req)
  const inside = path
    .slice('/api'.length)
    .replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])))
  // wallet-service has wallets by their owner. Who that is comes from the token and from nowhere
  // else.
  const isMine = upstream === 'wallet' && inside.startsWith('/wallets/me')
  const named = isMine ? inside.replace('me', userOf(req).userId) : inside
  return named + queryString(query)
}

/** Log lines and spans say which payment is asked about, where the path says it. */
function namePayment({ path }: ApiRoute, req: Request): void {
  const { id } = validRequest(req).params
  if (path.startsWith('/api/transactions/:id') && typeof id === 'string') {
    addLogContext({ paymentId: id })
  }
}

function underItsKey(req: Request): Pick<ForwardedCall, 'headers' | 'onAnswer'> {
  const context = getIdempotency(req)
  if (!context) throw new TypeError('The route has no idempotency in front of it')
  return {
    // In its canonical form: quoted or not, transaction-service sees the same key.
    headers: { 'idempotency-key': context.key },
    onAnswer: (answer) => {
      if (saysKeyReused(answer)) context.setOutcome('release')
      const paymentId = acceptedId(answer)
      if (paymentId !== undefined) addLogContext({ paymentId })
    },
  }
}

/** The id of the payment that was accepted: known only now, and wanted on the request's line. */
function acceptedId({ status, body }: RawAnswer): string | undefined {
  if (status !== 202) return undefined
  return /^\{"id":"([\da-f-]{36})"/.exec(body.toString())?.[1]
}

/**
 * transaction-service knows the key from another request, which Redis has forgotten. Its refusal
 * must not be kept: it would stand in the way of the request that the key belongs to.
 */
function saysKeyReused({ status, body }: RawAnswer): boolean {
  return status === 422 && body.includes('"idempotency_key_reused"')
}
