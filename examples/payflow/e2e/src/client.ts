/*
 * A person with a browser, as a program: speaks only the public HTTP contract of the gateway.
 */
import { randomUUID } from 'node:crypto'
import { pause, waitFor } from '@payflow/testkit'

export interface Answer<T = Record<string, unknown>> {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

export interface Wallet {
  readonly userId: string
  readonly currency: string
  readonly balance: number
  readonly available: number
  readonly pending: number
}

export interface Payment {
  readonly id: string
  readonly status: 'PENDING' | 'COMPLETED' | 'FAILED'
  readonly failureCode?: string
  readonly fromUserId: string
  readonly toUserId: string
  readonly amount: number
  readonly currency: string
  readonly createdAt: string
  readonly message?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

export interface PaymentInput {
  readonly toUserId: string
  readonly amount: number
  readonly currency?: string
  readonly note?: string
}

/** One registered user of a running PayFlow. */
export class User {
  readonly #base: string
  readonly id: string
  readonly email: string
  readonly accessToken: string

  private constructor(base: string, id: string, email: string, accessToken: string) {
    this.#base = base
    this.id = id
    this.email = email
    this.accessToken = accessToken
  }

  /** Registers a new user; the e-mail is unique so that runs do not meet each other. */
  static async register(base: string, name = 'Test User'): Promise<User> {
    const email = `user-${randomUUID()}@payflow.test`
    const answer = await call<{ user: { id: string }; accessToken: string }>(
      base,
      'POST',
      '/api/auth/register',
      { body: { email, password: 'correct horse battery', name } },
    )
    if (answer.status !== 201) {
      throw new Error(`register answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    return new User(base, answer.body.user.id, email, answer.body.accessToken)
  }

  get<T>(path: string): Promise<Answer<T>> {
    return call<T>(this.#base, 'GET', path, { headers: this.#headers() })
  }

  /** One POST. Gives back whatever was answered; retries nothing. */
  pay(input: PaymentInput, key: string = randomUUID()): Promise<Answer<Payment>> {
    return call<Payment>(this.#base, 'POST', '/api/transactions', {
      body: { currency: 'USD', ...input },
      headers: { ...this.#headers(), 'idempotency-key': key },
    })
  }

  /**
   * Pays as the contract tells a client to: no answer, 408, 409, 425, 429 and 5xx are tried again with
   * the same key until another answer comes.
   */
  async payUntilAnswered(
    input: PaymentInput,
    key: string = randomUUID(),
    timeoutMs = 60_000,
  ): Promise<Answer<Payment>> {
    const deadline = performance.now() + timeoutMs
    let last: unknown
    while (performance.now() < deadline) {
      try {
        const answer = await this.pay(input, key)
        if (!isRetryable(answer.status)) return answer
        last = `${answer.status} ${JSON.stringify(answer.body)}`
        const seconds = Number(answer.headers.get('retry-after') ?? '0')
        await pause(Math.min(Math.max(seconds * 1000, 50), 1000))
      } catch (error) {
        last = error
        await pause(100)
      }
    }
    throw new Error(`no final answer in ${timeoutMs} ms; the last was ${String(last)}`)
  }

  async wallet(): Promise<Wallet> {
    return (await this.get<Wallet>('/api/wallets/me')).body
  }

  async payment(id: string): Promise<Payment> {
    return (await this.get<Payment>(`/api/transactions/${id}`)).body
  }

  async history(query = ''): Promise<Page<Payment>> {
    return (await this.get<Page<Payment>>(`/api/transactions${query}`)).body
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.accessToken}` }
  }
}

/** Whether the contract says "try again with the same key". */
export function isRetryable(status: number): boolean {
  return status >= 500 || [408, 409, 425, 429].includes(status)
}

export async function call<T>(
  base: string,
  method: string,
  path: string,
  init: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...init.headers,
    },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  const body = (text === '' ? undefined : JSON.parse(text)) as T
  return { status: response.status, body, headers: response.headers }
}

/** Waits until a payment is no longer PENDING. */
export function settle(user: User, id: string, timeoutMs = 10_000): Promise<Payment> {
  return waitFor(
    async () => {
      const payment = await user.payment(id)
      return payment.status === 'PENDING' ? undefined : payment
    },
    { timeoutMs, intervalMs: 20, message: `payment ${id} to be settled` },
  )
}
