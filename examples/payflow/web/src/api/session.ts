/**
 * Who is signed in, and how requests prove it.
 *
 * The access token lives in memory only; the refresh token in an httpOnly cookie that scripts can't
 * read. A token that is about to expire, or was refused, is renewed once and the request is sent
 * again with the same bytes.
 */
import type { ApiPath } from '@payflow-app/client'
import type { SessionView, UserView } from '@payflow-app/contracts'
import { ApiProblemError, NoAnswerError, SignedOutError, toProblem } from './problem.ts'
import { newTraceId, traceparent } from './trace.ts'

/** What the page shows depends on this. */
export type SessionState =
  | { readonly status: 'starting' }
  /** The server can't be reached, so it is not known who is signed in. */
  | { readonly status: 'unreachable' }
  | { readonly status: 'anonymous'; readonly expired: boolean }
  | { readonly status: 'signed-in'; readonly user: UserView }

/** A request that a signed-in user makes. */
export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  /** JSON text. */
  readonly body?: string
  readonly signal?: AbortSignal
  /** A stream of events is asked for: the deadline is for the head of the answer alone. */
  readonly stream?: true
  /** The trace it belongs to. @defaultValue a new one */
  readonly traceId?: string
}

/** What the session needs from the browser; tests hand in their own. */
export interface SessionPorts {
  fetch(path: string, init: RequestInit): Promise<Response>
  /** Runs one at a time over all tabs of this browser. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
  /** Tells the other tabs that the signed-in user changed. */
  announce(): void
  /** Milliseconds on a clock that nobody can set. */
  nowMs(): number
}

interface Token {
  readonly text: string
  readonly userId: string
  readonly renewAtMs: number
}

const requestTimeoutMs = 20_000
const jsonTypes = 'application/json, application/problem+json'
const streamTypes = 'text/event-stream, application/problem+json'
/** A token is renewed this long before it expires, so that it does not expire on the way. */
const renewBeforeMs = 30_000

export class Session {
  readonly #ports: SessionPorts
  readonly #listeners = new Set<() => void>()
  #state: SessionState = { status: 'starting' }
  #token: Token | null = null
  #renewal: Promise<void> | null = null

  constructor(ports: SessionPorts) {
    this.#ports = ports
  }

  readonly state = (): SessionState => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Finds out by the refresh cookie who is signed in. Never rejects; look at {@link state}. */
  readonly start = async (): Promise<void> => {
    try {
      await this.#renew()
    } catch (error) {
      if (!(error instanceof SignedOutError)) this.#become({ status: 'unreachable' })
    }
  }

  /**
   * @throws {@link ApiProblemError} when refused, for example `email_taken`
   * @throws {@link NoAnswerError} when nothing came back
   */
  async register(input: { name: string; email: string; password: string }): Promise<void> {
    await this.#signIn('/api/auth/register', input)
  }

  /** Throws like {@link register}; a wrong password is `invalid_credentials`. */
  async login(input: { email: string; password: string }): Promise<void> {
    await this.#signIn('/api/auth/login', input)
  }

  /**
   * Ends the session on the server, then here. Rejects when the server did not hear it, because a
   * cookie that still works must not look like one that is gone.
   */
  async logout(): Promise<void> {
    const response = await this.#send('/api/auth/logout', { method: 'POST' })
    if (!response.ok && response.status !== 401) throw await problemOf(response)
    this.#end(false)
    this.#ports.announce()
  }

  /** Ends all sessions of the user, this one too. Rejects when the server did not hear it. */
  async logoutEverywhere(userId: string): Promise<void> {
    const response = await this.authorised(userId, '/api/auth/logout-all', { method: 'POST' })
    if (!response.ok) throw await problemOf(response)
    this.#end(false)
    this.#ports.announce()
  }

  /** Asks for a link by mail. Resolves whether or not anybody has the address. */
  async forgotPassword(input: { email: string }): Promise<void> {
    await this.#tell('/api/auth/forgot-password', input)
  }

  /**
   * Sets a new password with the token of a link; whoever was logged in is not any more.
   *
   * @throws {@link ApiProblemError} when refused, for example `reset_token_invalid`
   */
  async resetPassword(input: { token: string; newPassword: string }): Promise<void> {
    await this.#tell('/api/auth/reset-password', input)
    this.recheck()
    this.#ports.announce()
  }

  /** Another tab signed in or out: ask the cookie again. */
  readonly recheck = (): void => {
    this.#token = null
    void this.start()
  }

  /**
   * Sends a request as `userId` and hands over any answer but 401.
   *
   * @throws {@link SignedOutError} when the session has ended or has become another user's: a
   *   request is never sent in somebody else's name.
   * @throws {@link NoAnswerError} when nothing came back
   */
  async authorised(userId: string, path: string, request: ApiRequest = {}): Promise<Response> {
    const traced = { traceId: newTraceId(), ...request }
    const response = await this.#send(path, traced, await this.#freshToken(userId))
    if (response.status !== 401) return response
    this.#token = null
    const again = await this.#send(path, traced, await this.#freshToken(userId))
    if (again.status !== 401) return again
    this.#end(true)
    throw new SignedOutError('the server does not accept the session any more')
  }

  async #freshToken(userId: string): Promise<string> {
    if (this.#token === null || this.#ports.nowMs() >= this.#token.renewAtMs) await this.#renew()
    const token = this.#token
    if (token?.userId !== userId) throw new SignedOutError('somebody else is signed in now')
    return token.text
  }

  /** Many requests may find the token expired at once; they share one renewal. */
  #renew(): Promise<void> {
    this.#renewal ??= this.#ports
      .exclusively(() => this.#renewNow())
      .finally(() => {
        this.#renewal = null
      })
    return this.#renewal
  }

  async #renewNow(): Promise<void> {
    const response = await this.#send('/api/auth/refresh', { method: 'POST' })
    if (response.status === 401 || response.status === 403) {
      this.#end(this.#state.status === 'signed-in')
      throw new SignedOutError('there is no session to renew')
    }
    if (!response.ok) throw new NoAnswerError(`refresh answered ${response.status}`)
    this.#accept(await readJson<SessionView>(response))
  }

  async #tell(path: ApiPath, input: object): Promise<void> {
    const response = await this.#send(path, { method: 'POST', body: JSON.stringify(input) })
    if (!response.ok) throw await problemOf(response)
  }

  async #signIn(path: ApiPath, input: object): Promise<void> {
    const response = await this.#send(path, { method: 'POST', body: JSON.stringify(input) })
    if (!response.ok) throw await problemOf(response)
    this.#accept(await readJson<SessionView>(response))
    this.#ports.announce()
  }

  async #send(path: string, request: ApiRequest, token?: string): Promise<Response> {
    const headers = new Headers(request.headers)
    headers.set('Accept', request.stream ? streamTypes : jsonTypes)
    headers.set('Traceparent', traceparent(request.traceId ?? newTraceId()))
    if (request.body !== undefined) headers.set('Content-Type', 'application/json')
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), requestTimeoutMs)
    const signal = request.signal
      ? AbortSignal.any([request.signal, deadline.signal])
      : deadline.signal
    try {
      const answer = await this.#ports.fetch(path, {
        method: request.method ?? 'GET',
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      })
      // A stream goes on for as long as its reader wants it; any other body must come in time.
      if (request.stream) clearTimeout(timer)
      return answer
    } catch (cause) {
      clearTimeout(timer)
      throw new NoAnswerError(`no answer from ${path}`, { cause })
    }
  }

  #accept({ user, accessToken, expiresIn }: SessionView): void {
    const renewAtMs = this.#ports.nowMs() + expiresIn * 1_000 - renewBeforeMs
    this.#token = { text: accessToken, userId: user.id, renewAtMs }
    this.#become({ status: 'signed-in', user })
  }

  #end(expired: boolean): void {
    this.#token = null
    this.#become({ status: 'anonymous', expired })
  }

  #become(state: SessionState): void {
    const sameUser =
      state.status === 'signed-in' &&
      this.#state.status === 'signed-in' &&
      state.user.id === this.#state.user.id
    if (sameUser) return // a renewal is nobody's business
    this.#state = state
    for (const listener of this.#listeners) listener()
  }
}

/** The body of a good answer. A body that is not JSON is not from our API: no answer. */
async function readJson<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T
  } catch (cause) {
    throw new NoAnswerError(`the answer from ${response.url} is not JSON`, { cause })
  }
}

/** The error that an answer stands for. */
async function problemOf(response: Response): Promise<ApiProblemError> {
  const body: unknown = await response.json().catch(() => null)
  return new ApiProblemError(toProblem(response.status, body))
}
