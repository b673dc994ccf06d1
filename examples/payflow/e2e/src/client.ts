/*
 * A person with a browser, as a program: speaks only the public HTTP contract of the gateway.
 */
import { randomUUID } from 'node:crypto'
import { createApiClient, type ApiClient, type ApiSchemas } from '@payflow-app/client'
import { pause, waitFor } from '@payflow/testkit'

export interface Answer<T = Record<string, unknown>> {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

export type Wallet = ApiSchemas['Wallet']

/** A payment; `message` is only in the answer that accepts it. */
export type Payment = ApiSchemas['Transaction'] & { readonly message?: string }

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

/** What every user of the tests logs in with. */
export const PASSWORD = 'correct horse battery'

/** One registered user of a running PayFlow. */
export class User {
  readonly #base: string
  readonly #client: ApiClient
  readonly id: string
  readonly email: string
  readonly accessToken: string

  private constructor(base: string, { user, accessToken }: ApiSchemas['Session']) {
    this.#base = base
    this.#client = clientOf(base, accessToken)
    this.id = user.id
    this.email = user.email
    this.accessToken = accessToken
  }

  /** Registers a new user; the e-mail is unique so that runs do not meet each other. */
  static async register(base: string, name = 'Test User'): Promise<User> {
    const email = `user-${randomUUID()}@payflow.test`
    const body = { email, password: PASSWORD, name }
    const { data, error, response } = await clientOf(base).POST('/api/auth/register', { body })
    if (data) return new User(base, data)
    throw new Error(`register answered ${response.status}: ${JSON.stringify(error)}`)
  }

  get<T>(path: string): Promise<Answer<T>> {
    return call<T>(this.#base, 'GET', path, { headers: this.#headers() })
  }

  /** One POST. Gives back whatever was answered; retries nothing. */
  async pay(input: PaymentInput, key: string = randomUUID()): Promise<Answer<Payment>> {
    const { data, error, response } = await this.#client.POST('/api/transactions', {
      params: { header: { 'Idempotency-Key': key } },
      body: { currency: 'USD', ...input } as ApiSchemas['CreateTransactionRequest'],
    })
    const body = (data ?? error) as Payment
    return { status: response.status, body, headers: response.headers }
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
    return answered(await this.#client.GET('/api/wallets/me'))
  }

  async payment(id: string): Promise<Payment> {
    const params = { path: { id } }
    return answered(await this.#client.GET('/api/transactions/{id}', { params }))
  }

  async history(query = ''): Promise<Page<Payment>> {
    return (await this.get<Page<Payment>>(`/api/transactions${query}`)).body
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.accessToken}` }
  }
}

/** The body of a good answer. */
function answered<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data !== undefined) return answer.data
  const { status, url } = answer.response
  throw new Error(`${url} answered ${status}: ${JSON.stringify(answer.error)}`)
}

function clientOf(baseUrl: string, accessToken?: string): ApiClient {
  return createApiClient({
    baseUrl,
    ...(accessToken !== undefined && { accessToken }),
    fetch: (request) => fetch(request, { signal: AbortSignal.timeout(120_000) }),
  })
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
    signal: AbortSignal.timeout(120_000),
  })
  const text = await response.text()
  const body = (text === '' ? undefined : JSON.parse(text)) as T
  return { status: response.status, body, headers: response.headers }
}

/** Waits until a payment is no longer PENDING. */
export function settle(user: User, id: string, timeoutMs = 60_000): Promise<Payment> {
  return waitFor(
    async () => {
      const payment = await user.payment(id)
      return payment.status === 'PENDING' ? undefined : payment
    },
    { timeoutMs, intervalMs: 20, message: `payment ${id} to be settled` },
  )
}
