import { problemSchema, type Problem } from '@payflow-app/contracts'
import type { z } from 'zod'
import { CallerClock } from './caller-clock.ts'
import { exchange } from './kept-connections.ts'
import { currentRequestId } from './request-id.ts'
import { traceCall } from './tracing/trace-call.ts'
import { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'

/** Options of {@link createHttpClient}. */
export interface HttpClientOptions {
  /** The service's name, for errors and logs. */
  readonly name: string
  readonly baseUrl: string
  /** How long a call may take from start to last byte. @defaultValue `3_000` */
  readonly timeoutMs?: number
  /**
   * Makes the bearer token of each call. `nowMs` is the time by the clock of the called service, as
   * far as it is known: what a token says about time is for that clock.
   */
  readonly token?: (nowMs: number) => string | Promise<string>
}

/** One call. */
export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query, beginning with a slash. Parts from outside must be encoded by the caller. */
  readonly path: string
  /** Sent as JSON. */
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
  /**
   * Whether executing it twice is executing it once. Then it is sent once more, on another
   * connection, when its own was cut without an answer: so ends the connection of a process that is
   * being replaced, and its successor may be there already. Not after a time-out, which has used up
   * the caller's patience, nor when nobody listens, which a moment later is no different.
   * @defaultValue false
   */
  readonly repeatable?: boolean
}

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

/** An answer whose body is still coming. */
export interface OpenAnswer {
  readonly status: number
  readonly headers: Headers
  /** The body as it comes. Read it, or abort the call: else the connection stays in use. */
  readonly chunks: AsyncIterable<Uint8Array>
  /**
   * The whole body, within the time that a call may take, in place of `chunks`.
   *
   * @throws {@link UpstreamError} when it does not come.
   */
  wholeBody(): Promise<Buffer>
}

/** An answer, read: either what was asked for or a problem. */
export type HttpAnswer<T> =
  | { readonly outcome: 'ok'; readonly status: number; readonly body: T }
  | {
      readonly outcome: 'problem'
      readonly status: number
      /** `type`'s last segment, e.g. `insufficient-funds`; empty when it is none of ours. */
      readonly code: string
      readonly problem: Problem
      /** Whether the same call may succeed later: 408, 409, 425, 429 and 5xx. */
      readonly retryable: boolean
      readonly retryAfterMs: number | undefined
    }

/** Calls one other service. */
export interface HttpClient {
  /**
   * Makes one call and returns the answer as it came, whatever its status.
   *
   * @throws {@link UpstreamError} when there is no answer.
   */
  send(call: HttpCall): Promise<RawAnswer>
  /**
   * Makes one call and returns as soon as the head of the answer is there. `timeoutMs` is for that
   * alone; the body may come for as long as `signal` lets it.
   *
   * @throws {@link UpstreamError} when there is no answer.
   */
  open(call: HttpCall & { readonly signal: AbortSignal }): Promise<OpenAnswer>
  /**
   * Makes one call and reads a 2xx answer with `schema`.
   *
   * @throws {@link UpstreamError} when there is no answer, or a 2xx one that breaks the contract.
   */
  request<S extends z.ZodType>(call: HttpCall & { schema: S }): Promise<HttpAnswer<z.output<S>>>
}

/**
 * Creates the client for one other service. It repeats a call that is cut when the caller says that
 * this is safe ({@link HttpCall.repeatable}), and one that was not executed: a call whose token was refused (401) by
 * a service whose clock shows another time is sent again with a token of that time.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { name, baseUrl, timeoutMs = 3_000, token } = options
  const clock = new CallerClock()
  const send = async (call: HttpCall): Promise<RawAnswer> => {
    const answer = await sendOnce(call).catch((error: unknown) => {
      if (call.repeatable !== true || !isInterrupted(error)) throw error
      return sendOnce(call)
    })
    return token !== undefined && clock.learn(answer) ? await sendOnce(call) : answer
  }
  const headersOf = async (call: HttpCall): Promise<Headers> => {
    const headers = new Headers(call.headers)
    const requestId = currentRequestId()
    if (requestId !== undefined) headers.set('x-request-id', requestId)
    if (token) headers.set('authorization', `Bearer ${await token(clock.nowMs())}`)
    if (call.json !== undefined) headers.set('content-type', 'application/json')
    return headers
  }
  const fetchOnce: FetchOnce = async (call, headers, signal) =>
    await fetch(baseUrl + call.path, {
      method: call.method,
      headers,
      redirect: 'manual',
      signal,
      ...(call.json !== undefined && { body: JSON.stringify(call.json) }),
    })
  const traced = async <T extends { status: number }>(
    call: HttpCall,
    work: (headers: Headers) => Promise<T>,
  ): Promise<T> => {
    const headers = await headersOf(call)
    try {
      const described = { method: call.method, path: call.path, name, baseUrl }
      return await traceCall(described, headers, () => work(headers))
    } catch (error) {
      call.signal?.throwIfAborted()
      throw error
    }
  }
  const sendOnce = (call: HttpCall): Promise<RawAnswer> =>
    traced(call, (headers) => wholeAnswer(call, { name, baseUrl, timeoutMs, headers }))
  return {
    send,
    open: (call) =>
      traced(call, (headers) => openAnswer(call, { name, timeoutMs, headers, fetchOnce })),
    async request({ schema, ...call }) {
      const answer = await send(call)
      if (answer.status < 200 || answer.status > 299) return readProblem(answer)
      const body = schema.safeParse(parseJson(answer.body))
      if (body.success) return { outcome: 'ok', status: answer.status, body: body.data }
      throw new UpstreamError(
        'UPSTREAM_INVALID',
        name,
        `answered ${answer.status} with a body that breaks the contract`,
        body.error,
      )
    },
  }
}

type FetchOnce = (call: HttpCall, headers: Headers, signal: AbortSignal) => Promise<Response>

async function openAnswer(
  call: HttpCall & { readonly signal: AbortSignal },
  how: {
    readonly name: string
    readonly timeoutMs: number
    readonly headers: Headers
    readonly fetchOnce: FetchOnce
  },
): Promise<OpenAnswer> {
  const late = new AbortController()
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => {
      late.abort(new DOMException('no answer in time', 'TimeoutError'))
    }, call.timeoutMs ?? how.timeoutMs)
    try {
      return await work()
    } catch (error) {
      call.signal.throwIfAborted()
      throw asUpstreamError(how.name, error)
    } finally {
      clearTimeout(timer)
    }
  }
  const signal = AbortSignal.any([call.signal, late.signal])
  const response = await within(() => how.fetchOnce(call, how.headers, signal))
  return {
    status: response.status,
    headers: response.headers,
    chunks: response.body ?? emptyBody(),
    wholeBody: () => within(async () => Buffer.from(await response.arrayBuffer())),
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

async function wholeAnswer(
  call: HttpCall,
  {
    name,
    baseUrl,
    timeoutMs,
    headers,
  }: Required<Omit<HttpClientOptions, 'token'>> & {
    readonly headers: Headers
  },
): Promise<RawAnswer> {
  const { method, path, json, signal } = call
  const deadline = AbortSignal.timeout(call.timeoutMs ?? timeoutMs)
  try {
    const answer = await exchange(baseUrl + path, {
      method,
      headers,
      signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    return { status: answer.status, headers: answer.headers, body: await answer.arrayBuffer() }
  } catch (error) {
    throw asUpstreamError(name, error)
  }
}

function readProblem(answer: RawAnswer): Extract<HttpAnswer<never>, { outcome: 'problem' }> {
  const { status } = answer
  const parsed = problemSchema.safeParse(parseJson(answer.body))
  const problem = parsed.data ?? { type: 'about:blank', title: `HTTP ${status}`, status }
  const retryAfterS = Number(answer.headers.get('retry-after') ?? NaN)
  return {
    outcome: 'problem',
    status,
    code: (problem.code ?? '').replaceAll('_', '-'),
    problem,
    retryable: status >= 500 || [408, 409, 425, 429].includes(status),
    retryAfterMs: Number.isFinite(retryAfterS) ? retryAfterS * 1_000 : undefined,
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

const isInterrupted = (error: unknown): boolean =>
  UpstreamError.is(error) && error.code === 'UPSTREAM_INTERRUPTED'

/** Failures before the first byte could leave: the request was certainly not executed. */
const unreachable = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function asUpstreamError(name: string, error: unknown): UpstreamError {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new UpstreamError('UPSTREAM_TIMEOUT', name, 'no answer in time', error)
  }
  // fetch says "fetch failed" and keeps the reason in `cause`.
  const { code } = ((error as Error).cause ?? error) as { code?: unknown }
  const reason = typeof code === 'string' ? code : 'connection failed'
  const kind: UpstreamErrorCode = unreachable.has(reason)
    ? 'UPSTREAM_UNREACHABLE'
    : 'UPSTREAM_INTERRUPTED'
  return new UpstreamError(kind, name, reason, error)
}
