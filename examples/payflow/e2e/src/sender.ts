/*
 * Who sends generated requests: somebody who logs in again, or makes a new account, when a request has
 * used up what they had.
 */
import { randomUUID } from 'node:crypto'
import type { ApiSchemas } from '@payflow-app/client'
import { call, type Answer } from './client.ts'

/** The password of everybody. */
export const PASSWORD = 'correct horse battery'

/** Well before the quarter of an hour for which an access token is valid. */
const RENEW_AFTER_MS = 300_000

interface Login {
  readonly accessToken: string
  cookies: ReadonlyMap<string, string>
  readonly sinceMs: number
}

/** Somebody with an account. Not for requests side by side, once one of them may end the session. */
export class Sender {
  readonly #base: string
  #email: string | undefined
  #login: Login | undefined
  #id = ''

  /** @param email - of an account that is there; without one, they register */
  constructor(base: string, email?: string) {
    this.#base = base
    this.#email = email
  }

  /** Whose requests these are. Only after {@link login}. */
  get id(): string {
    return this.#id
  }

  /** What they log in with. Only after {@link login}. */
  get email(): string {
    return this.#email ?? ''
  }

  /** What they have from logging in; the first time they register. */
  async login(): Promise<{ readonly accessToken: string; readonly cookie: string }> {
    this.#login = await this.#current()
    const { accessToken, cookies } = this.#login
    return { accessToken, cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }
  }

  /** Takes the cookies of an answer, as a browser does. */
  takeCookies(headers: Headers): void {
    if (!this.#login) return
    this.#login.cookies = new Map([...this.#login.cookies, ...cookiesOf(headers)])
  }

  /** The account, its session or its password is not what it was: begins with a new one. */
  startOver(): void {
    this.#email = undefined
    this.#login = undefined
  }

  async get<T>(path: string): Promise<Answer<T>> {
    const { accessToken } = await this.login()
    return await call<T>(this.#base, 'GET', path, {
      headers: { authorization: `Bearer ${accessToken}` },
    })
  }

  async #current(): Promise<Login> {
    if (this.#login && performance.now() - this.#login.sinceMs < RENEW_AFTER_MS) return this.#login
    const sinceMs = performance.now()
    const isNew = this.#email === undefined
    this.#email ??= `sender-${randomUUID()}@payflow.test`
    const body = { email: this.#email, password: PASSWORD, ...(isNew && { name: 'A Sender' }) }
    const path = `/api/auth/${isNew ? 'register' : 'login'}`
    const answer = await call<ApiSchemas['Session']>(this.#base, 'POST', path, { body })
    if (answer.status >= 400) throw new Error(`${path} answered ${JSON.stringify(answer.body)}`)
    this.#id = answer.body.user.id
    return { accessToken: answer.body.accessToken, cookies: cookiesOf(answer.headers), sinceMs }
  }
}

function cookiesOf(headers: Headers): Map<string, string> {
  return new Map(
    headers.getSetCookie().flatMap((line) => {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
}
