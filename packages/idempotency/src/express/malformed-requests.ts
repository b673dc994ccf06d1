import { STATUS_CODES } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** What Node's parser says, by the status it answers itself. */
const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
}

/**
 * Answers requests that Node's parser refuses before any middleware sees them, a key with a control
 * character or of 20,000 characters among them, with an RFC 9457 problem
 * (`request_malformed`, status 400, 408, 413 or 431) instead of an empty body. Nothing was executed.
 *
 * Replaces Node's own answer: a server has one of these.
 */
export function answerMalformedRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const { _httpMessage: begun } = socket as Duplex & { _httpMessage?: ServerResponse }
    // Behind a response that has begun, as in Node's own answer, another one would be part of it.
    if (error.code === 'ECONNRESET' || !socket.writable || begun?.headersSent) {
      socket.destroy(error)
      return
    }
    socket.end(problem(statuses[error.code ?? ''] ?? 400))
  })
}

function problem(status: number): string {
  const title = STATUS_CODES[status] ?? 'Bad Request'
  const body = JSON.stringify({
    type: 'https://payflow.dev/problems/request-malformed',
    title,
    status,
    detail: 'This is not a request that an HTTP server can read. Nothing was executed.',
    code: 'request_malformed',
    retryable: status === 408,
  })
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/problem+json; charset=utf-8',
    'Cache-Control: no-store',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
