// What stands in front of a service that is restarted: connections go to whichever process is the newest.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { request } from 'node:http'

/** An address that stays while the process behind it is replaced. */
export class Front implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number | undefined

  private constructor() {
    this.#server = createServer((client) => {
      const service = connect({ port: this.#port ?? 0, host: '127.0.0.1' })
      for (const socket of [client, service]) {
        this.#sockets.add(socket)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => this.#sockets.delete(socket))
      }
      client.pipe(service).pipe(client)
    })
  }

  static async open(): Promise<Front> {
    const front = new Front()
    await new Promise<void>((ready) => front.#server.listen(0, '127.0.0.1', () => ready()))
    return front
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** New connections go there from now on; those that are open stay where they are. */
  lead(url: string): void {
    this.#port = Number(new URL(url).port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((closed) => this.#server.close(closed))
  }
}

/** One request on a connection of its own, so that none is sent into one that is being closed. */
export function call(
  url: string,
  { token, json }: { readonly token?: string; readonly json?: unknown } = {},
): Promise<{ status: number; body: any }> {
  const body = json === undefined ? undefined : JSON.stringify(json)
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: body === undefined ? 'GET' : 'POST',
      agent: false,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
    })
    sent.on('error', reject)
    sent.on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }))
    })
    sent.end(body)
  })
}
