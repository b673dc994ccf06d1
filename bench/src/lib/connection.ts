import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An answer, as far as it matters here. */
export interface Reply {
  readonly status: number
  readonly body: string
}

/**
 * One keep-alive connection that carries one request at a time. Written on a bare socket: a client
 * that takes as much processor time as the server would hide what is compared.
 */
export class Connection {
  readonly #socket: Socket
  readonly #host: string
  #received = ''
  #waiting: ((reply: Reply) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Connection(socket, `127.0.0.1:${port}`)
  }

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.setEncoding('latin1')
    socket.on('data', (data: string) => this.#take(data))
    socket.on('error', (error) => this.#failed?.(error))
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')))
  }

  /** Whether it can be used: a server closes a connection that nobody used for a while. */
  get isOpen(): boolean {
    return this.#socket.writable
  }

  /** Sends `POST /path` or the like, with these headers; the body is ASCII. */
  send(request: string, headers: string, body = ''): Promise<Reply> {
    if (this.#socket.destroyed) return Promise.reject(new Error('the connection is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    this.#waiting = resolve
    this.#failed = reject
    const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
    this.#socket.write(
      `${request} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}${length}\r\n${body}`,
    )
    return promise
  }

  close(): void {
    this.#failed = undefined
    this.#socket.destroy()
  }

  #take(data: string): void {
    this.#received += data
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const length = lengthOf(this.#received, headEnd)
    const end = headEnd + 4 + length
    if (this.#received.length < end) return
    const status = Number(this.#received.slice(9, 12))
    const body = this.#received.slice(headEnd + 4, end)
    this.#received = this.#received.slice(end)
    this.#waiting?.({ status, body })
  }
}

function lengthOf(text: string, headEnd: number): number {
  const at = text.search(/\r\ncontent-length: /i)
  if (at === -1 || at > headEnd) throw new Error('a response without a length')
  return Number.parseInt(text.slice(at + 18), 10)
}
