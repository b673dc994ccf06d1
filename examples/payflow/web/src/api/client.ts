/** The API as functions, each bound to the user whose page asks. */
import { createApiClient, type ApiClient } from '@payflow-app/client'
import type {
  ActivityPage,
  ChangePasswordRequest,
  LoginSessionPage,
  NotificationPage,
  NotificationPreferencesView,
  NotificationView,
  PaymentKind,
  PaymentStatus,
  RecipientPage,
  RecipientView,
  StatementPage,
  StatusView,
  TransactionDetails,
  TransactionPage,
  WalletView,
} from '@payflow-app/contracts'
import type { Answer, PendingPayment } from '../pending-payment.ts'
import { ApiProblemError, NoAnswerError, SignedOutError, toProblem } from './problem.ts'
import type { ApiRequest, Session } from './session.ts'

/** Every call rejects with ApiProblemError, NoAnswerError or SignedOutError, and nothing else. */
export interface Api {
  wallet(signal?: AbortSignal): Promise<WalletView>
  recipients(query: string, signal?: AbortSignal): Promise<RecipientPage>
  person(id: string, signal?: AbortSignal): Promise<RecipientView>
  payment(id: string, signal?: AbortSignal): Promise<TransactionDetails>
  /** The stream of what happens to a payment, whatever the answer is. */
  paymentEvents(id: string, lastEventId: string | undefined, signal: AbortSignal): Promise<Response>
  payments(query: HistoryQuery, signal?: AbortSignal): Promise<TransactionPage>
  statement(query: StatementQuery, signal?: AbortSignal): Promise<StatementPage>
  /** The whole statement as a table. */
  statementCsv(query: StatementQuery): Promise<string>
  notifications(query: ListQuery, signal?: AbortSignal): Promise<NotificationPage>
  status(signal?: AbortSignal): Promise<StatusView>
  sessions(signal?: AbortSignal): Promise<LoginSessionPage>
  endSession(id: string): Promise<void>
  activity(query: ListQuery, signal?: AbortSignal): Promise<ActivityPage>
  changePassword(input: ChangePasswordRequest): Promise<void>
  markRead(id: string): Promise<NotificationView>
  preferences(signal?: AbortSignal): Promise<NotificationPreferencesView>
  setPaymentMails(paymentMails: boolean): Promise<NotificationPreferencesView>
  /** Sends the stored bytes once. Never rejects. */
  pay(payment: PendingPayment): Promise<Answer>
}

export interface ListQuery {
  readonly limit?: number
  readonly cursor?: string
}

/** A page of the history, narrowed by filters. */
export interface HistoryQuery extends ListQuery {
  readonly status?: PaymentStatus
  readonly kind?: PaymentKind
  readonly direction?: 'sent' | 'received'
  readonly counterpartyId?: string
  readonly from?: string
  readonly to?: string
}

/** A period, from inclusive to exclusive; ISO 8601. */
export interface StatementQuery extends ListQuery {
  readonly from?: string
  readonly to?: string
}

export function createApi(session: Session, userId: string): Api {
  const client = createApiClient({
    baseUrl: location.origin,
    fetch: (request) => sendAs(session, userId, request),
  })
  const byId = (id: string, signal?: AbortSignal) => ({ params: { path: { id } }, ...only(signal) })
  return {
    wallet: (signal) => dataOf(client.GET('/api/wallets/me', only(signal))),
    recipients: (query, signal) =>
      dataOf(client.GET('/api/users', { params: { query: { query } }, ...only(signal) })),
    person: (id, signal) => dataOf(client.GET('/api/users/{id}', byId(id, signal))),
    payment: (id, signal) => dataOf(client.GET('/api/transactions/{id}', byId(id, signal))),
    paymentEvents: (id, lastEventId, signal) =>
      session.authorised(userId, `/api/transactions/${encodeURIComponent(id)}/events`, {
        signal,
        stream: true,
        headers: lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId },
      }),
    payments: (query, signal) =>
      dataOf(client.GET('/api/transactions', { params: { query }, ...only(signal) })),
    statement: (query, signal) =>
      dataOf(client.GET('/api/wallets/me/statement', { params: { query }, ...only(signal) })),
    statementCsv: ({ from, to }) =>
      dataOf(
        client.GET('/api/wallets/me/statement.csv', {
          params: { query: { ...(from && { from }), ...(to && { to }) } },
          parseAs: 'text',
        }),
      ),
    notifications: (query, signal) =>
      dataOf(client.GET('/api/notifications', { params: { query }, ...only(signal) })),
    status: (signal) => dataOf(client.GET('/api/status', only(signal))),
    sessions: (signal) => dataOf(client.GET('/api/auth/sessions', only(signal))),
    endSession: (id) => doneOf(client.DELETE('/api/auth/sessions/{id}', byId(id))),
    activity: ({ limit, cursor }, signal) => {
      const query = { ...(limit && { limit }), ...(cursor && { cursor }) }
      return dataOf(client.GET('/api/auth/activity', { params: { query }, ...only(signal) }))
    },
    changePassword: (body) => doneOf(client.POST('/api/auth/change-password', { body })),
    markRead: (id) => dataOf(client.PUT('/api/notifications/{id}/read', byId(id))),
    preferences: (signal) => dataOf(client.GET('/api/notifications/preferences', only(signal))),
    setPaymentMails: (paymentMails) =>
      dataOf(client.PUT('/api/notifications/preferences', { body: { paymentMails } })),
    pay: (payment) => pay(client, payment),
  }
}

const only = (signal: AbortSignal | undefined) => (signal ? { signal } : {})

/** The session sends a request twice when its token was refused, so it takes the body as text. */
async function sendAs(session: Session, userId: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const body = await request.text()
  return session.authorised(userId, pathname + search, {
    method: request.method as NonNullable<ApiRequest['method']>,
    headers: Object.fromEntries(request.headers),
    signal: request.signal,
    ...(body === '' ? {} : { body }),
  })
}

interface Outcome<T> {
  readonly data?: T
  readonly error?: unknown
  readonly response: Response
}

async function dataOf<T>(call: Promise<Outcome<T>>): Promise<T> {
  const { data, error, response } = await readable(call)
  if (!response.ok) throw new ApiProblemError(toProblem(response.status, error))
  if (data === undefined) throw new NoAnswerError(`the answer from ${response.url} is empty`)
  return data
}

/** For answers that say nothing but that it is done. */
async function doneOf(call: Promise<Outcome<unknown>>): Promise<void> {
  const { error, response } = await readable(call)
  if (!response.ok) throw new ApiProblemError(toProblem(response.status, error))
}

/** A good answer that is not JSON is not from our API: no answer. */
async function readable<T>(call: Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await call
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new NoAnswerError('the answer is not JSON', { cause })
  }
}

async function pay(client: ApiClient, payment: PendingPayment): Promise<Answer> {
  try {
    const { data, error, response } = await readable(post(client, payment))
    return {
      kind: 'answer',
      status: response.status,
      body: data ?? error ?? null,
      retryAfter: response.headers.get('Retry-After'),
      isReplayed: response.headers.get('Idempotent-Replayed') === 'true',
    }
  } catch (error) {
    if (error instanceof SignedOutError) {
      return { kind: 'answer', status: 401, body: null, retryAfter: null, isReplayed: false }
    }
    if (error instanceof NoAnswerError) return { kind: 'none' }
    throw error
  }
}

/** The stored bytes to where they belong, whatever a newer version of this page would make of them. */
async function post(
  client: ApiClient,
  { kind, refundOf = '', key, body }: PendingPayment,
): Promise<Outcome<unknown>> {
  const header = { 'Idempotency-Key': key }
  const stored = { body: JSON.parse(body) as never, bodySerializer: () => body }
  switch (kind) {
    case 'top_up':
      return await client.POST('/api/wallets/me/top-ups', { params: { header }, ...stored })
    case 'withdrawal':
      return await client.POST('/api/wallets/me/withdrawals', { params: { header }, ...stored })
    case 'refund': {
      const params = { header, path: { id: refundOf } }
      return await client.POST('/api/transactions/{id}/refunds', { params, ...stored })
    }
    default: // a payment, whoever kept it
      return await client.POST('/api/transactions', { params: { header }, ...stored })
  }
}
