import { createServer, STATUS_CODES, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProblemCode } from '@payflow-app/contracts'
import { problem } from './problem-error.ts'

/** Options of {@link listen}. */
export interface ListenOptions {
  readonly app: RequestListener
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

/** A listening HTTP server. */
export interface HttpServer {
  readonly port: number
  /**
   * Takes no new connections, waits for the requests in progress until `deadlineMs` has passed,
   * then cuts what is left. Answers from then on say `connection: close`: a caller that sent its
   * next request on the connection would see it cut.
   */
  close(deadlineMs: number): Promise<void>
}

/** The whole request must have arrived by then: a body of 64 KiB over the slowest mobile link. */
const REQUEST_TIMEOUT_MS = 30_000

/** Headers arrive in the first packets or not at all. */
const HEADERS_TIMEOUT_MS = 10_000

/** Longer than a load balancer's usual 60 s, so that it, not we, ends an idle connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

/** How often a stopping server looks for connections whose last request has been answered. */
const SWEEP_INTERVAL_MS = 50

/**
 * A connection over which nothing has come since a stopping server began to wait: browsers and
 * connection pools open some in advance. Node does not count them as idle.
 */
const UNUSED_GRACE_MS = 250

/**
 * Starts an HTTP server. Bytes that are no HTTP request get a problem+json answer as well, unless one
 * to a request before them is still to come: then the connection is cut.
 *
 * @throws Node's `EADDRINUSE` or `EACCES` error when the port cannot be had.
 */
export async function listen({ app, host, port }: ListenOptions): Promise<HttpServer> {
  /** What is being answered, by connection. */
  const answering = new Map<Duplex, Set<ServerResponse>>()
  const answer: RequestListener = (req, res) => {
    const here = answering.get(req.socket)
    here?.add(res)
    res.once('close', () => here?.delete(res))
    if (req.headers.host === undefined && req.httpVersion === '1.1') refuseWithoutHost(res)
    else app(req, res)
  }
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Node would refuse it itself, with a bare 400.
      requireHostHeader: false,
    },
    answer,
  )
  // What is expected beyond `100-continue` may be ignored (RFC 9110 §10.1.1).
  server.on('checkExpectation', answer)
  server.on('clientError', (error, socket) => {
    const before = [...(answering.get(socket) ?? [])]
    if (before.some(isForAnother)) socket.destroy()
    else answerUnparsable(error, socket)
  })
  const connections = new Set<Socket>()
  server.on('connection', (socket) => {
    connections.add(socket)
    answering.set(socket, new Set())
    socket.once('close', () => {
      connections.delete(socket)
      answering.delete(socket)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close(deadlineMs) {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      for (const res of [...answering.values()].flatMap((here) => [...here])) {
        if (!res.headersSent) res.setHeader('connection', 'close')
      }
      // close() ends the connections that are idle now; those that become idle are ours to end.
      const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_INTERVAL_MS)
      const unused = setTimeout(() => {
        for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
      }, UNUSED_GRACE_MS)
      const cut = setTimeout(() => server.closeAllConnections(), deadlineMs)
      await closed
      clearInterval(sweep)
      clearTimeout(unused)
      clearTimeout(cut)
    },
  }
}

/** RFC 9112 §3.2: a request without it must be refused. */
function refuseWithoutHost(res: ServerResponse): void {
  const answer = problem('malformed-request', { detail: 'The Host header is missing' })
  res
    .writeHead(answer.status, { 'content-type': 'application/problem+json', connection: 'close' })
    .end(JSON.stringify(answer.toBody()))
}

/**
 * Whether what cannot be parsed came after this answer's request, or in the middle of the answer. A
 * client would take what we say of it for the answer to the request, for a payment a final one. A
 * request that has not arrived whole is itself what cannot be parsed, or came too slowly.
 */
function isForAnother({ req, headersSent }: ServerResponse): boolean {
  return req.complete || headersSent
}

function answerUnparsable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const answer = problem(unparsableCode(error.code))
  const body = JSON.stringify(answer.toBody())
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\n` +
      'content-type: application/problem+json\r\n' +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function unparsableCode(code: string | undefined): ProblemCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large'
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request-timeout' : 'malformed-request'
}
