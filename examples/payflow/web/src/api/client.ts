/** The API as functions, each bound to the user whose page asks. */
import type {
  NotificationPage,
  NotificationView,
  PaymentStatus,
  RecipientPage,
  RecipientView,
  StatusView,
  TransactionPage,
  TransactionView,
  WalletView,
} from '@payflow-app/contracts'
import type { Answer, PendingPayment } from '../pending-payment.ts'
import { NoAnswerError, SignedOutError } from './problem.ts'
import { problemOf, readJson } from './session.ts'
import type { ApiRequest, Session } from './session.ts'

/** Every call rejects with ApiProblemError, NoAnswerError or SignedOutError, and nothing else. */
export interface Api {
  wallet(signal?: AbortSignal): Promise<WalletView>
  recipients(query: string, signal?: AbortSignal): Promise<RecipientPage>
  person(id: string, signal?: AbortSignal): Promise<RecipientView>
  payment(id: string, signal?: AbortSignal): Promise<TransactionView>
  payments(query: ListQuery, signal?: AbortSignal): Promise<TransactionPage>
  notifications(query: ListQuery, signal?: AbortSignal): Promise<NotificationPage>
  status(signal?: AbortSignal): Promise<StatusView>
  markRead(id: string): Promise<NotificationView>
  /** Sends the stored bytes once. Never rejects. */
  pay(payment: PendingPayment): Promise<Answer>
}

export interface ListQuery {
  readonly limit?: number
  readonly cursor?: string
  readonly status?: PaymentStatus
}

export function createApi(session: Session, userId: string): Api {
  async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return call<T>(path, signal ? { signal } : {})
  }
  async function call<T>(path: string, request: ApiRequest): Promise<T> {
    const response = await session.authorised(userId, path, request)
    if (!response.ok) throw await problemOf(response)
    return readJson<T>(response)
  }
  return {
    wallet: (signal) => get('/api/wallets/me', signal),
    recipients: (query, signal) => get(withQuery('/api/users', { query }), signal),
    person: (id, signal) => get(`/api/users/${encodeURIComponent(id)}`, signal),
    payment: (id, signal) => get(`/api/transactions/${encodeURIComponent(id)}`, signal),
    payments: (query, signal) => get(withQuery('/api/transactions', query), signal),
    notifications: (query, signal) => get(withQuery('/api/notifications', query), signal),
    status: (signal) => get('/api/status', signal),
    markRead: (id) => call(`/api/notifications/${encodeURIComponent(id)}/read`, { method: 'PUT' }),
    pay: (payment) => pay(session, payment),
  }
}

async function pay(session: Session, payment: PendingPayment): Promise<Answer> {
  try {
    const response = await session.authorised(payment.userId, '/api/transactions', {
      method: 'POST',
      headers: { 'Idempotency-Key': payment.key },
      body: payment.body,
    })
    const body: unknown = await response.json().catch(() => null)
    const retryAfter = response.headers.get('Retry-After')
    return { kind: 'answer', status: response.status, body, retryAfter }
  } catch (error) {
    if (error instanceof SignedOutError) {
      return { kind: 'answer', status: 401, body: null, retryAfter: null }
    }
    if (error instanceof NoAnswerError) return { kind: 'none' }
    throw error
  }
}

function withQuery(path: string, query: object): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) params.set(name, String(value))
  }
  const text = params.toString()
  return text === '' ? path : `${path}?${text}`
}
