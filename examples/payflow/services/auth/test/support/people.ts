// auth-service as its own process on a database of its own, and people with browsers.
import { randomUUID } from 'node:crypto'
import {
  activityPage,
  loginSessionPage,
  problemSchema,
  sessionView,
  type ActivityView,
  type LoginSessionView,
  type SessionView,
} from '@payflow-app/contracts'
import { migrateAuth } from '@payflow-app/migrations'
import { newSecrets, startService, type RunningService } from '@payflow-app/service-kit/testing'
import { createTestDatabase, freePort, waitFor, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'

export const PASSWORD = 'correct horse battery'

/** A message in the outbox. */
export interface Waiting {
  readonly type: string
  readonly data: Readonly<Record<string, string>>
}

/** A running auth-service. RabbitMQ and wallet-service are away, unless told otherwise. */
export class AuthSystem implements AsyncDisposable {
  readonly database: TestDatabase
  readonly #env: Readonly<Record<string, string>>
  readonly services: RunningService[] = []

  private constructor(database: TestDatabase, env: Readonly<Record<string, string>>) {
    this.database = database
    this.#env = env
  }

  static async start(
    env: Readonly<Record<string, string>> = {},
    { processes = 1 }: { readonly processes?: number } = {},
  ): Promise<AuthSystem> {
    const database = await createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' })
    const system = new AuthSystem(database, {
      ...(await newSecrets()),
      DATABASE_URL: database.url,
      WALLET_URL: `http://127.0.0.1:${await freePort()}`,
      RABBITMQ_URL: `amqp://127.0.0.1:${await freePort()}`,
      ...env,
    })
    for (let at = 0; at < processes; at += 1) await system.add()
    return system
  }

  get url(): string {
    return this.first.url
  }

  get first(): RunningService {
    const [first] = this.services
    if (!first) throw new Error('nothing runs')
    return first
  }

  /** One more process on the same database. */
  async add(env: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    const service = await startService(new URL('../../src/main.ts', import.meta.url), {
      ...this.#env,
      ...env,
    })
    this.services.push(service)
    return service
  }

  /** A process that has died is replaced by another one. */
  async replace(): Promise<void> {
    await this.first.child.kill()
    this.services.shift()
    await this.add()
  }

  /** Registers somebody new, in a browser of their own. */
  async person(): Promise<Browser> {
    const browser = new Browser(this, `annie.${randomUUID()}@example.com`)
    await browser.register()
    return browser
  }

  /** What waits for the broker. */
  async waiting(userId: string): Promise<Waiting[]> {
    const { rows } = await sql<{ type: string; body: Buffer }>`
      select type, payload as body from queue.outbox where key = ${userId} order by seq`.execute(
      this.database.db,
    )
    return rows.map(({ type, body }) => ({ type, data: JSON.parse(body.toString()) as never }))
  }

  /** What the audit log says of an account, oldest first. */
  async audit(userId: string): Promise<string[]> {
    const { rows } = await sql<{ type: string }>`
      select type from public.audit_events where user_id = ${userId} order by at, id`.execute(
      this.database.db,
    )
    return rows.map(({ type }) => type)
  }

  /** Asks for a link and takes it out of the outbox, where only a mail would. */
  async resetToken(browser: Browser): Promise<string> {
    const before = (await this.#links(browser)).length
    await browser.post('/auth/forgot-password', { email: browser.email })
    const links = await waitFor(
      async () => {
        const all = await this.#links(browser)
        return all.length > before ? all : undefined
      },
      { message: 'the link' },
    )
    return links.at(-1)?.data['token'] ?? ''
  }

  async #links({ id }: Browser): Promise<Waiting[]> {
    const all = await this.waiting(id)
    return all.filter(({ type }) => type === 'users.password_reset_requested')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.services.map((service) => service.child.kill()))
    await this.database.dispose()
  }
}

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'

/** A browser with its cookies, and whoever is logged in there. */
export class Browser {
  readonly #system: AuthSystem
  readonly email: string
  cookies = new Map<string, string>()
  session: SessionView | undefined
  password = PASSWORD

  constructor(system: AuthSystem, email: string) {
    this.#system = system
    this.email = email
  }

  get id(): string {
    return this.session?.user.id ?? ''
  }

  /** Another browser of the same person, which nobody has logged in with yet. */
  other(): Browser {
    const browser = new Browser(this.#system, this.email)
    browser.password = this.password
    return browser
  }

  /** Sends one request with the cookies, and keeps those that come back. */
  async send(method: string, path: string, body?: unknown, url = this.#system.url) {
    const token = this.session?.accessToken
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url + path, {
      method,
      headers: {
        'user-agent': FIREFOX,
        'x-client-address': '192.0.2.7',
        ...(cookie !== '' && { cookie }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    this.keep(answer)
    return answer
  }

  keep(answer: Response): void {
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
  }

  async post(path: string, body?: unknown, url?: string): Promise<number> {
    const answer = await this.send('POST', path, body, url)
    await answer.body?.cancel()
    return answer.status
  }

  async register(): Promise<void> {
    await this.#signIn('/auth/register', {
      email: this.email,
      password: this.password,
      name: 'Annie',
    })
  }

  async login(): Promise<void> {
    await this.#signIn('/auth/login', { email: this.email, password: this.password })
  }

  /** Tries a password; says how it ended, and stays logged in as before. */
  async guess(password: string, url?: string): Promise<number> {
    return await this.post('/auth/login', { email: this.email, password }, url)
  }

  /** Renews the session: 200, or the problem it was refused with. */
  async refresh(url?: string): Promise<string> {
    const answer = await this.send('POST', '/auth/refresh', undefined, url)
    return await this.#outcome(answer)
  }

  async sessions(): Promise<LoginSessionView[]> {
    return loginSessionPage.parse(await (await this.send('GET', '/auth/sessions')).json()).items
  }

  async activity(): Promise<ActivityView[]> {
    return activityPage.parse(await (await this.send('GET', '/auth/activity')).json()).items
  }

  async changePassword(currentPassword: string, newPassword: string): Promise<string> {
    const body = { currentPassword, newPassword }
    const answer = await this.send('POST', '/auth/change-password', body)
    if (answer.status === 204) this.password = newPassword
    return await this.#outcome(answer)
  }

  async resetPassword(token: string, newPassword: string): Promise<string> {
    const answer = await this.send('POST', '/auth/reset-password', { token, newPassword })
    if (answer.status === 204) this.password = newPassword
    return await this.#outcome(answer)
  }

  async #outcome(answer: Response): Promise<string> {
    const text = await answer.text()
    if (answer.ok) return String(answer.status)
    return `${answer.status} ${problemSchema.parse(JSON.parse(text)).code}`
  }

  async #signIn(path: string, body: object): Promise<void> {
    const answer = await this.send('POST', path, body)
    this.session = sessionView.parse(await answer.json())
  }
}
