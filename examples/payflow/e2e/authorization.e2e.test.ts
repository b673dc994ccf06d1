/*
 * Goal: every route answers everybody as documented, and no token but the right one opens anything.
 * Method: one table, a row for each route and a column for each kind of caller, played against every
 * process of PayFlow. A route without a row does not compile, and fails.
 */
import { randomUUID } from 'node:crypto'
import { API_OPERATIONS, apiRoute, type ApiOperation } from '@payflow-app/contracts/api'
import { INTERNAL_ROUTES, type InternalOperation } from '@payflow-app/contracts/internal'
import { startStack, type Stack } from '@payflow-app/stack'
import { waitFor } from '@payflow/testkit'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CALLERS, callerTokens, secretsOf, type Caller, type CallerTokens } from './src/callers.ts'
import { auditAll, PASSWORD, settle, User } from './src/index.ts'
import { INTERNAL_CALLERS, internalToken, type InternalCaller } from './src/internal-callers.ts'

/** What each caller is answered: status, code of a problem, and ▪ where the owner is in the answer. */
type Row = Readonly<Record<Caller, string>>

const nobody = '401 unauthenticated'

/** A route for users: no token, or one that does not hold, opens nothing. */
const forUsers = (owner: string, other: string): Row => ({
  anonymous: nobody,
  expired: nobody,
  'alg=none': nobody,
  'wrong audience': nobody,
  'service token': nobody,
  'other user': other,
  owner,
})

/** A route that looks at no token. */
const forAll = (outcome: string): Row =>
  Object.fromEntries(CALLERS.map((caller) => [caller, outcome])) as Row

const table: Readonly<Record<ApiOperation, Row>> = {
  register: forAll('201'),
  login: forAll('200'),
  // The cookie decides, and only the owner has one here.
  refresh: { ...forAll('401 refresh_token_invalid'), owner: '200 ▪' },
  logout: forAll('204'),
  me: forUsers('200 ▪', '200'),
  listSessions: forUsers('200', '200'),
  endSession: forUsers('204', '404 not_found'),
  listActivity: forUsers('200', '200'),
  // Each sets their own, and both have the same.
  changePassword: forUsers('204', '204'),
  forgotPassword: forAll('202'),
  // The link decides, and nobody has one here.
  resetPassword: forAll('422 reset_token_invalid'),
  logoutAll: forUsers('204', '204'),
  // People are found by name and address, oneself aside; nothing else is told of them.
  searchUsers: forUsers('200', '200 ▪'),
  getUser: forUsers('200 ▪', '200 ▪'),
  getWallet: forUsers('200 ▪', '200'),
  getStatement: forUsers('200 ▪', '200'),
  getStatementCsv: forUsers('200 ▪', '200'),
  topUp: forUsers('202 ▪', '202'),
  withdraw: forUsers('202 ▪', '202'),
  createTransaction: forUsers('202 ▪', '202'),
  refundTransaction: forUsers('202 ▪', '404 not_found'),
  listTransactions: forUsers('200 ▪', '200'),
  getTransaction: forUsers('200 ▪', '404 not_found'),
  followTransaction: forUsers('200 ▪', '404 not_found'),
  listNotifications: forUsers('200 ▪', '200'),
  countUnreadNotifications: forUsers('200', '200'),
  getNotificationPreferences: forUsers('200', '200'),
  setNotificationPreferences: forUsers('200', '200'),
  markNotificationRead: forUsers('200 ▪', '404 not_found'),
  // Last of those about one: the owner's call is the last of its row.
  deleteNotification: forUsers('204', '404 not_found'),
  getStatus: forAll('200'),
}

/** What the gateway answers beside the contract. */
const beside: Readonly<Record<string, Row>> = {
  '/health/live': forAll('200'),
  '/health/ready': forAll('200'),
  '/health/startup': forAll('200'),
  // For Prometheus; in Kubernetes this is not reached through the public port.
  '/metrics': forAll('200'),
  '/api/openapi.json': forAll('200'),
  '/api/docs': forAll('200'),
}

const notThis = '403 forbidden'

/** A route of wallet-service for other processes: each has a key for it, and most may not call it. */
const forServices = (allowed: Partial<Record<InternalCaller, string>>) => ({
  anonymous: nobody,
  user: nobody,
  'stolen key': nobody,
  auth: notThis,
  transaction: notThis,
  worker: notThis,
  reversal: notThis,
  notification: nobody,
  ...allowed,
})

const badBody = '400 validation_failed'

/** What each process is answered on the routes that are not for people, past the gateway. */
const internal: Readonly<Record<InternalOperation, Readonly<Record<InternalCaller, string>>>> = {
  openWallet: forServices({ auth: badBody }),
  placeHold: forServices({ transaction: badBody }),
  postHold: forServices({ worker: badBody }),
  postRefund: forServices({ worker: badBody }),
  releaseHold: forServices({ transaction: '200', worker: '200', reversal: '200' }),
  // The owner may, too: that is what the gateway asks.
  readWallet: forServices({ transaction: '200 ▪', user: '200 ▪' }),
  auditLedger: forServices({ transaction: '200' }),
  // auth-service knows the key of notification-service, and no other.
  readContacts: {
    ...forServices({ auth: nobody, transaction: nobody, worker: nobody, reversal: nobody }),
    notification: '200 ▪',
  },
}

let stack: Stack
let owner: User
let other: User
let third: User
let tokens: CallerTokens
let payment: string
/** What the owner was paid, and may refund. */
let received: string
let notification: string

beforeAll(async () => {
  stack = await startStack()
  const users = ['Owner', 'Other', 'Third'].map((name) => User.register(stack.url, name))
  ;[owner, other, third] = (await Promise.all(users)) as [User, User, User]
  tokens = await callerTokens(stack, owner, other)
  const { body } = await owner.pay({ toUserId: third.id, amount: 100 })
  payment = body.id
  received = (await third.pay({ toUserId: owner.id, amount: 50 })).body.id
  await settle(owner, payment, 60_000)
  await settle(owner, received, 60_000)
  const told = () => owner.get<{ items: { id: string; paymentId: string }[] }>('/api/notifications')
  notification = await waitFor(
    async () => (await told()).body.items.find(({ paymentId }) => paymentId === payment)?.id,
    { timeoutMs: 60_000, message: 'the notification of the payment' },
  )
})
afterAll(async () => {
  await stack?.stop()
})

interface Request {
  readonly path: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The request that each route is tried with: valid, and about something of the owner's. */
const requests: Readonly<Record<ApiOperation, (caller: Caller) => Request | Promise<Request>>> = {
  register: () => ({
    path: '/api/auth/register',
    json: { email: `${randomUUID()}@payflow.test`, password: PASSWORD, name: 'New' },
  }),
  login: () => ({ path: '/api/auth/login', json: { email: third.email, password: PASSWORD } }),
  refresh: async (caller) => ({
    path: '/api/auth/refresh',
    headers: caller === 'owner' ? { cookie: await freshCookie() } : {},
  }),
  logout: () => ({ path: '/api/auth/logout' }),
  me: () => ({ path: '/api/auth/me' }),
  listSessions: () => ({ path: '/api/auth/sessions' }),
  endSession: async () => ({ path: `/api/auth/sessions/${await anotherSession()}` }),
  listActivity: () => ({ path: '/api/auth/activity' }),
  changePassword: () => ({
    path: '/api/auth/change-password',
    json: { currentPassword: PASSWORD, newPassword: PASSWORD },
  }),
  forgotPassword: () => ({
    path: '/api/auth/forgot-password',
    json: { email: `${randomUUID()}@payflow.test` },
  }),
  resetPassword: () => ({
    path: '/api/auth/reset-password',
    json: { token: 'x'.repeat(43), newPassword: PASSWORD },
  }),
  logoutAll: () => ({ path: '/api/auth/logout-all' }),
  searchUsers: () => ({ path: `/api/users?query=${encodeURIComponent(owner.email)}` }),
  getUser: () => ({ path: `/api/users/${owner.id}` }),
  getWallet: () => ({ path: '/api/wallets/me' }),
  getStatement: () => ({ path: '/api/wallets/me/statement' }),
  getStatementCsv: () => ({ path: '/api/wallets/me/statement.csv' }),
  topUp: () => funds('top-ups', 20),
  withdraw: () => funds('withdrawals', 3),
  createTransaction: () => ({
    path: '/api/transactions',
    json: { toUserId: third.id, amount: 1, currency: 'USD' },
    headers: { 'idempotency-key': randomUUID() },
  }),
  refundTransaction: () => ({
    path: `/api/transactions/${received}/refunds`,
    json: { amount: 5 },
    headers: { 'idempotency-key': randomUUID() },
  }),
  listTransactions: () => ({ path: '/api/transactions' }),
  getTransaction: () => ({ path: `/api/transactions/${payment}` }),
  followTransaction: () => ({ path: `/api/transactions/${payment}/events` }),
  listNotifications: () => ({ path: '/api/notifications' }),
  countUnreadNotifications: () => ({ path: '/api/notifications/unread' }),
  getNotificationPreferences: () => ({ path: '/api/notifications/preferences' }),
  setNotificationPreferences: () => ({
    path: '/api/notifications/preferences',
    json: { paymentMails: true },
  }),
  markNotificationRead: () => ({ path: `/api/notifications/${notification}/read` }),
  deleteNotification: () => ({ path: `/api/notifications/${notification}` }),
  getStatus: () => ({ path: '/api/status' }),
}

const funds = (what: string, amount: number): Request => ({
  path: `/api/wallets/me/${what}`,
  json: { amount, currency: 'USD' },
  headers: { 'idempotency-key': randomUUID() },
})

async function logInOwner(): Promise<Response> {
  const json = { email: owner.email, password: PASSWORD }
  return await call('POST', 'anonymous', { path: '/api/auth/login', json })
}

async function freshCookie(): Promise<string> {
  const { headers } = await logInOwner()
  return headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

/** A session of the owner's that no other row needs. */
async function anotherSession(): Promise<string> {
  const { accessToken } = (await (await logInOwner()).json()) as { accessToken: string }
  return String(decodeJwt(accessToken)['sid'])
}

async function call(method: string, caller: Caller, { path, json, headers }: Request) {
  const token = tokens[caller]
  return await fetch(stack.url + path, {
    method,
    headers: {
      ...headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    signal: AbortSignal.timeout(60_000),
  })
}

async function outcomeOf(response: Response): Promise<string> {
  const text = await response.text()
  if (response.status >= 400) {
    const { code } = JSON.parse(text) as { code: string }
    return `${response.status} ${code}`
  }
  const theirs = [owner.id, owner.email, payment].some((mark) => text.includes(mark))
  return `${response.status}${theirs ? ' ▪' : ''}`
}

/** Plays one row, the owner last: what the others may not do must not have been done by then. */
async function play(method: string, request: (caller: Caller) => Request | Promise<Request>) {
  const seen: [Caller, string][] = []
  for (const caller of CALLERS) {
    seen.push([caller, await outcomeOf(await call(method, caller, await request(caller)))])
  }
  return Object.fromEntries(seen) as Row
}

const internalOperations = Object.keys(INTERNAL_ROUTES) as InternalOperation[]

async function callInternally(operation: InternalOperation, caller: InternalCaller) {
  const { audience, method, path } = INTERNAL_ROUTES[operation]
  const keys = secretsOf(stack).serviceKeys
  const token = await internalToken(operation, caller, keys, owner.accessToken)
  const query = operation === 'readContacts' ? `?ids=${owner.id}` : ''
  const id = operation === 'releaseHold' ? randomUUID() : owner.id
  return await fetch(stack.serviceUrl(audience) + path.replace(/:\w+/, id) + query, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(method === 'POST' && { 'content-type': 'application/json' }),
    },
    ...(method === 'POST' && { body: '{}' }),
    signal: AbortSignal.timeout(60_000),
  })
}

const printedInside = [
  `| route | ${INTERNAL_CALLERS.join(' | ')} |`,
  `|${' --- |'.repeat(INTERNAL_CALLERS.length + 1)}`,
]
const printed: string[] = [`| route | ${CALLERS.join(' | ')} |`, `|${' --- |'.repeat(8)}`]
const print = (route: string, row: Row) =>
  printed.push(`| ${route} | ${CALLERS.map((caller) => row[caller]).join(' | ')} |`)

describe('who may call what', () => {
  it('has a row for every route of the contract', () => {
    expect(Object.keys(table)).toEqual(API_OPERATIONS)
  })

  it.each(API_OPERATIONS)('%s', async (operation) => {
    const { method, path } = apiRoute(operation)
    const row = await play(method, requests[operation])
    print(`${method} ${path}`, row)
    expect(row).toEqual(table[operation])
  })

  it.each(Object.keys(beside))('GET %s', async (path) => {
    const row = await play('GET', () => ({ path }))
    print(`GET ${path}`, row)
    // The page and the metrics name nobody.
    expect(row).toEqual(beside[path])
  })

  it.each(internalOperations)('%s, from inside', async (operation) => {
    const { audience, method, path } = INTERNAL_ROUTES[operation]
    const seen: [InternalCaller, string][] = []
    for (const caller of INTERNAL_CALLERS) {
      seen.push([caller, await outcomeOf(await callInternally(operation, caller))])
    }
    const cells = seen.map(([, outcome]) => outcome)
    printedInside.push(`| ${method} ${audience}${path} | ${cells.join(' | ')} |`)
    expect(Object.fromEntries(seen)).toEqual(internal[operation])
  })

  it('lets in from inside whom the contract names, and nobody else', () => {
    for (const operation of internalOperations) {
      const row = internal[operation]
      const { callers } = INTERNAL_ROUTES[operation]
      const refused = [nobody, notThis]
      const processes = INTERNAL_CALLERS.slice(INTERNAL_CALLERS.indexOf('auth'))
      const admitted = processes.filter((caller) => !refused.includes(row[caller]))
      expect(admitted).toEqual(callers)
    }
  })

  it('moves no money but that of who paid, once for each payment', async () => {
    const balance = async (user: User) => (await user.wallet()).balance
    const { pending } = await waitFor(async () => {
      const audit = await auditAll(stack)
      return audit.pending === 0 ? audit : undefined
    })
    expect(pending).toBe(0)
    expect([await balance(owner), await balance(other), await balance(third)]).toEqual([
      100_000 - 100 - 1 + 20 - 3 + 50 - 5,
      100_000 - 1 + 20 - 3,
      100_000 + 102 - 50 + 5,
    ])
  })

  it('prints what was seen', () => {
    process.stdout.write(`\n${printed.join('\n')}\n\n${printedInside.join('\n')}\n`)
    expect(printed).toHaveLength(2 + API_OPERATIONS.length + Object.keys(beside).length)
    expect(printedInside).toHaveLength(2 + internalOperations.length)
  })
})
