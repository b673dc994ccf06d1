import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Express } from 'express'

/** A response as it came over the wire: nothing decoded, nothing followed. */
export interface WireResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  json(): any
}

export interface WireRequest {
  readonly method?: string
  readonly path?: string
  readonly key?: string
  readonly headers?: Record<string, string | string[]>
  /** Objects are sent as JSON. */
  readonly body?: unknown
}

/** An Express app on a port of its own. */
export interface TestApp extends AsyncDisposable {
  readonly url: string
  send(request?: WireRequest): Promise<WireResponse>
  /** Sends a request and gives up the connection when told. */
  open(request?: WireRequest): { readonly request: http.ClientRequest; abandon(): void }
}

export async function serve(build: (app: Express) => void): Promise<TestApp> {
  const app = express()
  build(app)
  const server = http.createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    send: (request = {}) => send(url, request),
    open(request = {}) {
      const { message, body } = prepare(url, request)
      message.on('error', () => undefined)
      message.end(body)
      return { request: message, abandon: () => void message.destroy() }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export async function send(url: string, request: WireRequest): Promise<WireResponse> {
  const { message, body } = prepare(url, request)
  message.end(body)
  const [response] = (await once(message, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const text = bytes.toString('utf8')
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: bytes,
    text,
    json: () => JSON.parse(text),
  }
}

function prepare(
  url: string,
  { method = 'POST', path = '/', key, headers = {}, body }: WireRequest,
): { message: http.ClientRequest; body: string | Buffer | undefined } {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body) || body === undefined
  const message = http.request(url + path, { method, agent: false })
  if (!isRaw) message.setHeader('Content-Type', 'application/json')
  if (key !== undefined) message.setHeader('Idempotency-Key', key)
  for (const [name, value] of Object.entries(headers)) message.setHeader(name, value)
  return { message, body: isRaw ? (body as string | Buffer | undefined) : JSON.stringify(body) }
}
