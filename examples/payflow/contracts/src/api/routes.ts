/**
 * Every route of the public API, described once. The gateway mounts and validates by this table, the
 * OpenAPI document is made from it, and so is the client.
 */
import {
  loginRequest,
  meView,
  recipientPage,
  recipientView,
  registerRequest,
  sessionView,
  userSearchQuery,
} from '../auth.ts'
import { REFUNDS_MAX } from '../limits.ts'
import { paymentEventView } from '../payment-events.ts'
import { statusView } from '../payment-flow.ts'
import {
  acceptedTransaction,
  createTransactionRequest,
  fundsRequest,
  idParams,
  refundRequest,
  transactionDetails,
  transactionListQuery,
  transactionPage,
} from '../transactions.ts'
import { statementCsvQuery, statementPage, statementQuery } from '../statements.ts'
import { walletView } from '../wallets.ts'
import { accountRoutes } from './account-routes.ts'
import type { ProblemCode } from '../problem-codes.ts'
import { notificationRoutes } from './notification-routes.ts'
import type { ApiRoute, ApiSuccess } from './api-route.ts'

const session = {
  register: {
    method: 'POST',
    path: '/api/auth/register',
    tag: 'Session',
    summary: 'Register a user',
    description: 'The user has a wallet from now on, and is logged in.',
    access: 'anyone',
    rateLimit: 'sign-in',
    body: registerRequest,
    cookies: true,
    success: { status: 201, description: 'Registered and logged in', body: sessionView },
    problems: ['email-taken'],
  },
  login: {
    method: 'POST',
    path: '/api/auth/login',
    tag: 'Session',
    summary: 'Log in',
    description:
      'A wrong address, a wrong password and a locked account get the same answer. After five ' +
      'wrong passwords none is looked at for half an hour, except from a browser that the account ' +
      'was used in before, which has a count of its own; a new password unlocks.',
    access: 'anyone',
    rateLimit: 'sign-in',
    body: loginRequest,
    cookies: true,
    success: { status: 200, description: 'Logged in', body: sessionView },
    problems: ['invalid-credentials'],
  },
  refresh: {
    method: 'POST',
    path: '/api/auth/refresh',
    tag: 'Session',
    summary: 'Get a new access token',
    description:
      'Takes the refresh cookie, which is replaced: each one works once. Sent again within seconds ' +
      'by the same browser, because the answer got lost, it gets the same cookie again; later, the ' +
      'session ends, because somebody has a copy.',
    access: 'session',
    rateLimit: 'session',
    cookies: true,
    success: { status: 200, description: 'Still logged in', body: sessionView },
    problems: ['refresh-token-invalid', 'unauthenticated'],
  },
  logout: {
    method: 'POST',
    path: '/api/auth/logout',
    tag: 'Session',
    summary: 'Log out',
    description: 'Ends the session of the refresh cookie, if there is one.',
    access: 'anyone',
    rateLimit: 'session',
    cookies: true,
    success: { status: 204, description: 'Logged out' },
    problems: [],
  },
  me: {
    method: 'GET',
    path: '/api/auth/me',
    tag: 'Session',
    summary: 'Show the user that is logged in',
    access: 'user',
    rateLimit: 'use',
    success: { status: 200, description: 'The user', body: meView },
    problems: [],
  },
} as const satisfies Record<string, ApiRoute>

const people = {
  searchUsers: {
    method: 'GET',
    path: '/api/users',
    tag: 'People',
    summary: 'Find somebody to pay',
    description: 'By name or e-mail address. The best few matches; there is no second page.',
    access: 'user',
    rateLimit: 'search',
    query: userSearchQuery,
    success: { status: 200, description: 'Whom the query finds', body: recipientPage },
    problems: [],
  },
  getUser: {
    method: 'GET',
    path: '/api/users/:id',
    tag: 'People',
    summary: 'Name the other party of a payment',
    access: 'user',
    rateLimit: 'use',
    params: idParams,
    success: { status: 200, description: 'The user', body: recipientView },
    problems: ['not-found'],
  },
} as const satisfies Record<string, ApiRoute>

const keyProblems = [
  'idempotency-key-missing',
  'idempotency-key-invalid',
  'idempotency-key-expired',
  'idempotency-in-progress',
  'idempotency-key-reused',
] as const satisfies readonly ProblemCode[]

const acceptedOnce = {
  status: 202,
  description:
    'Accepted. To a repetition the same again, with `Idempotent-Replayed: true`: it says ' +
    'what was accepted, not how it went on.',
  body: acceptedTransaction,
} as const satisfies ApiSuccess

const money = {
  getWallet: {
    method: 'GET',
    path: '/api/wallets/me',
    tag: 'Wallet',
    summary: 'Show the balance',
    access: 'user',
    rateLimit: 'use',
    success: { status: 200, description: 'The wallet', body: walletView },
    problems: ['not-found'],
  },
  getStatement: {
    method: 'GET',
    path: '/api/wallets/me/statement',
    tag: 'Wallet',
    summary: 'Show what moved in the wallet, and the balance after each line',
    description: 'Oldest first. The first page says what the whole period comes to.',
    access: 'user',
    rateLimit: 'use',
    query: statementQuery,
    success: { status: 200, description: 'A page of the statement', body: statementPage },
    problems: ['not-found'],
  },
  getStatementCsv: {
    method: 'GET',
    path: '/api/wallets/me/statement.csv',
    tag: 'Wallet',
    summary: 'Download a statement as a table',
    description: 'RFC 4180, UTF-8, whole or not at all: a period that is too long is refused.',
    access: 'user',
    rateLimit: 'use',
    query: statementCsvQuery,
    success: { status: 200, description: 'The statement', csv: true },
    problems: ['not-found', 'statement-too-long'],
  },
  topUp: {
    method: 'POST',
    path: '/api/wallets/me/top-ups',
    tag: 'Wallet',
    summary: 'Put money into the wallet',
    description:
      'From the sandbox bank, which always pays. Accepted and executed as a payment is; repeat it ' +
      'with the same key until a final answer comes.',
    access: 'user',
    rateLimit: 'payment',
    body: fundsRequest,
    idempotencyKey: true,
    success: acceptedOnce,
    problems: [
      ...keyProblems,
      'amount-limit-exceeded',
      'recipient-unavailable',
      'hold-released',
      'hold-expired',
    ],
  },
  withdraw: {
    method: 'POST',
    path: '/api/wallets/me/withdrawals',
    tag: 'Wallet',
    summary: 'Take money out of the wallet',
    description:
      'To the sandbox bank. The money is reserved at once, and gone when this is COMPLETED; ' +
      'repeat it with the same key until a final answer comes.',
    access: 'user',
    rateLimit: 'payment',
    body: fundsRequest,
    idempotencyKey: true,
    success: acceptedOnce,
    problems: [
      ...keyProblems,
      'amount-limit-exceeded',
      'insufficient-funds',
      'sender-unavailable',
      'hold-released',
      'hold-expired',
    ],
  },
  createTransaction: {
    method: 'POST',
    path: '/api/transactions',
    tag: 'Payments',
    summary: 'Send money',
    description:
      'Reserves the money and answers at once; the payment becomes COMPLETED or FAILED later. ' +
      'Repeat it with the same key until an answer other than 401, 408, 409, 425, 429 or 5xx ' +
      'comes: however often it is sent, one payment is made.',
    access: 'user',
    rateLimit: 'payment',
    body: createTransactionRequest,
    idempotencyKey: true,
    success: acceptedOnce,
    problems: [
      ...keyProblems,
      'insufficient-funds',
      'self-transfer',
      'sender-unavailable',
      'recipient-unavailable',
      'hold-released',
      'hold-expired',
    ],
  },
  refundTransaction: {
    method: 'POST',
    path: '/api/transactions/:id/refunds',
    tag: 'Payments',
    summary: 'Refund a payment',
    description:
      'In part or whole, by who received it: all refunds together never exceed the payment, and ' +
      `at most ${REFUNDS_MAX} of them are pending or completed. ` +
      'Whether there is enough left, and enough money, is decided when it is executed. Repeat it ' +
      'with the same key until a final answer comes.',
    access: 'user',
    rateLimit: 'payment',
    params: idParams,
    body: refundRequest,
    idempotencyKey: true,
    success: acceptedOnce,
    problems: [
      ...keyProblems,
      'not-found',
      'not-refundable',
      'refund-exceeds-payment',
      'refund-limit-reached',
    ],
  },
  listTransactions: {
    method: 'GET',
    path: '/api/transactions',
    tag: 'Payments',
    summary: 'List the payments sent and received',
    description:
      'Newest first. Every filter narrows the list; a cursor is used with the same filters.',
    access: 'user',
    rateLimit: 'use',
    query: transactionListQuery,
    success: { status: 200, description: 'A page of payments', body: transactionPage },
    problems: [],
  },
  getTransaction: {
    method: 'GET',
    path: '/api/transactions/:id',
    tag: 'Payments',
    summary: 'Show one payment, with its refunds',
    description: 'For its sender and its recipient; to others it is not there.',
    access: 'user',
    rateLimit: 'use',
    params: idParams,
    success: { status: 200, description: 'The payment', body: transactionDetails },
    problems: ['not-found'],
  },
} as const satisfies Record<string, ApiRoute>

const paymentEvents = {
  followTransaction: {
    method: 'GET',
    path: '/api/transactions/:id/events',
    tag: 'Payments',
    summary: 'Follow one payment',
    description:
      'Server-sent events: what has happened to the payment, then what happens to it, up to the ' +
      'event that ends it; then the stream ends. It may end before, after minutes or while we ' +
      'restart: connect again with the id of the last event, and nothing is missed. For its ' +
      'sender and its recipient; to others it is not there.',
    access: 'user',
    rateLimit: 'use',
    params: idParams,
    success: {
      status: 200,
      description: 'The events of the payment, each with one of these as its data',
      events: paymentEventView,
      noneLeft: 'The last event was the one that ended the payment: there is nothing to wait for.',
    },
    problems: ['not-found'],
  },
} as const satisfies Record<string, ApiRoute>

const system = {
  getStatus: {
    method: 'GET',
    path: '/api/status',
    tag: 'Status',
    summary: 'Say how payments as a whole are doing',
    description: 'Tells of nobody, and no more than anybody notices who pays.',
    access: 'anyone',
    rateLimit: 'use',
    success: { status: 200, description: 'How payments are doing', body: statusView },
    problems: [],
  },
} as const satisfies Record<string, ApiRoute>

/** The routes by the name of their operation. */
export const API_ROUTES = {
  ...session,
  ...accountRoutes,
  ...people,
  ...money,
  ...paymentEvents,
  ...notificationRoutes,
  ...system,
}

/** The name of an operation. */
export type ApiOperation = keyof typeof API_ROUTES

/** The names of all operations, in the order of the document. */
export const API_OPERATIONS = Object.keys(API_ROUTES) as ApiOperation[]

/** The description of an operation, without the types of its own schemas. */
export function apiRoute(operation: ApiOperation): ApiRoute {
  return API_ROUTES[operation]
}
