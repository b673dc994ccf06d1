import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'

interface Session {
  readonly user: { readonly id: string }
  readonly accessToken: string
}

/** Somebody who uses the wallet through the public API alone. */
export class Person {
  readonly email: string
  readonly #url: string
  readonly #session: Session

  private constructor(url: string, email: string, session: Session) {
    this.#url = url
    this.email = email
    this.#session = session
  }

  static async register(url: string): Promise<Person> {
    const email = `${randomUUID()}@payflow.test`
    const body = { email, name: 'Somebody', password: PASSWORD }
    return new Person(url, email, (await call(url, '/api/auth/register', { body })) as Session)
  }

  static async logIn(url: string, email: string): Promise<Person> {
    const body = { email, password: PASSWORD }
    return new Person(url, email, (await call(url, '/api/auth/login', { body })) as Session)
  }

  get id(): string {
    return this.#session.user.id
  }

  /** Asks again with the same key, as the contract says, until there is a final answer. */
  async pay(to: Person, amount: number): Promise<{ readonly id: string; readonly status: string }> {
    const key = randomUUID()
    const body = { toUserId: to.id, amount, currency: 'USD' }
    const accepted = await waitFor(() => this.#call('/api/transactions', { body, key }), PATIENTLY)
    const { id } = accepted as { id: string }
    const settled = async () => {
      const now = (await this.#call(`/api/transactions/${id}`)) as { id: string; status: string }
      return now.status === 'PENDING' ? undefined : now
    }
    return await waitFor(settled, { ...PATIENTLY, message: `payment ${id} to settle` })
  }

  async history(): Promise<string[]> {
    const list = await waitFor(() => this.#call('/api/transactions?limit=100'), PATIENTLY)
    return (list as { items: { id: string }[] }).items.map(({ id }) => id)
  }

  #call(path: string, options: CallOptions = {}): Promise<unknown> {
    return call(this.#url, path, { ...options, token: this.#session.accessToken })
  }
}

const PASSWORD = 'a-password-that-is-long'
const PATIENTLY = { timeoutMs: 60_000, intervalMs: 100 }

interface CallOptions {
  readonly body?: unknown
  readonly token?: string
  readonly key?: string
}

async function call(
  url: string,
  path: string,
  { body, token, key }: CallOptions,
): Promise<unknown> {
  const response = await fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path} answered ${response.status} ${text}`)
  return JSON.parse(text)
}
