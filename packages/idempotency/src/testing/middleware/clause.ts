import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'

/** What the handler behind the middleware answers. */
export interface ContractAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is, without another encoding. Nothing: an empty body. */
  readonly body?: Uint8Array
}

/** The handler behind the middleware. Whatever it throws, the server answers as it does for any. */
export type ContractHandler = () => ContractAnswer | Promise<ContractAnswer>

/** A server with the middleware under test. */
export interface MiddlewareServer {
  /** Its address without a path, for example `http://127.0.0.1:3000`. */
  readonly url: string
  /** Called at the end of each test. */
  close(): void | Promise<void>
}

/**
 * Starts a server that protects `POST` of every path: with keys required, the header `x-user` as
 * scope, JSON bodies, and the handler behind it. Under the rules for payments: what fails after it
 * began is not executed again by itself.
 */
export type StartMiddleware = (handler: ContractHandler) => Promise<MiddlewareServer>

/** One thing that a middleware must do. */
export interface MiddlewareClause {
  /** A claim in the present tense; with the ids of docs/hazards.md that it guards against. */
  readonly title: string
  readonly check: (start: StartMiddleware) => Promise<void>
}

export interface WireRequest {
  readonly key?: string
  readonly user?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** Sent as JSON; a text is taken for JSON already. */
  readonly json?: unknown
}

export interface WireAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  readonly isReplay: boolean
}

/** A request that has left. */
export interface Sent {
  readonly answer: Promise<WireAnswer>
  /** All of it is with the operating system. */
  readonly written: Promise<void>
  /** The client goes away. */
  abandon(): void
}

/** Requests to one server. */
export interface Wire {
  send(request: WireRequest): Promise<WireAnswer>
  open(request: WireRequest): Sent
}

/** Gives the check a server whose handler is this one, and closes it afterwards. */
export async function serving(
  start: StartMiddleware,
  handler: ContractHandler,
  check: (wire: Wire) => Promise<void>,
): Promise<void> {
  const server = await start(handler)
  const open = (request: WireRequest): Sent => openRequest(server.url, request)
  try {
    await check({ open, send: (request) => open(request).answer })
  } finally {
    await server.close()
  }
}

/** A middleware that never answers is found out before the runner's own patience ends. */
const answerTimeoutMs = 4_000

function openRequest(
  url: string,
  { key, user = 'ada', path = '/pay', headers = {}, json = { amount: 1 } }: WireRequest,
): Sent {
  // No connection is used twice, so that none is cut with a request that is not meant.
  const message = http.request(url + path, { method: 'POST', agent: false })
  message.setHeader('Content-Type', 'application/json')
  message.setHeader('x-user', user)
  if (key !== undefined) message.setHeader('Idempotency-Key', key)
  for (const [name, value] of Object.entries(headers)) message.setHeader(name, value)
  message.setTimeout(answerTimeoutMs, () => {
    message.destroy(new Error(`no answer within ${answerTimeoutMs} ms`))
  })
  const written = once(message, 'finish').then(() => undefined)
  const answer = readAnswer(message)
  // A request that is abandoned has no answer, and its clause does not ask for one.
  answer.catch(() => undefined)
  written.catch(() => undefined)
  message.end(typeof json === 'string' ? json : JSON.stringify(json))
  return { answer, written, abandon: () => void message.destroy() }
}

async function readAnswer(message: http.ClientRequest): Promise<WireAnswer> {
  const [response] = (await once(message, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
    isReplay: response.headers['idempotent-replayed'] === 'true',
  }
}

/** A refusal: an RFC 9457 problem with this status, and nothing of a handler. */
export function mustBeProblem(answer: WireAnswer, status: number): void {
  assert.equal(answer.status, status)
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json\b/)
  const problem = JSON.parse(answer.body.toString('utf8')) as Record<string, unknown>
  assert.equal(problem['status'], status)
  assert.equal(typeof problem['title'], 'string')
  assert.equal(answer.isReplay, false)
}

/** The same status and bytes again, marked as a replay. */
export function mustReplay(answer: WireAnswer, first: WireAnswer): void {
  assert.equal(answer.status, first.status)
  assert.deepEqual(answer.body, first.body)
  assert.equal(answer.isReplay, true, 'a replay says Idempotent-Replayed: true')
}

/** A handler that counts its calls and answers 201 with the count. */
export function counting(): ContractHandler & { calls: number } {
  const handler: ContractHandler & { calls: number } = Object.assign(
    () => {
      handler.calls += 1
      return jsonAnswer(201, { call: handler.calls })
    },
    { calls: 0 },
  )
  return handler
}

export const jsonAnswer = (status: number, value: unknown): ContractAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})
