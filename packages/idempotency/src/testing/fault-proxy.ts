import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'

/**
 * Stands between a client and a real server, Redis or HTTP, and breaks the connection where it is
 * told to. Passes bytes on unread.
 */
export interface FaultProxy extends AsyncDisposable {
  /** The server's address with the proxy's host and port in it. */
  readonly url: string
  /** Cuts the next connection that sends something; the server sees nothing of it. */
  loseNextRequest(): Promise<void>
  /** Drops the next answer and cuts its connection: the server has done what it was asked. */
  loseNextAnswer(): Promise<void>
  /** Passes on so many bytes of the next answer, then cuts its connection. */
  cutNextAnswerAfter(bytes: number): Promise<void>
  /** Passes nothing on, in either direction, and loses nothing: the server seems to hang. */
  freeze(): void
  /** Passes on what came while it was frozen, and all that follows. */
  thaw(): void
  /** Cuts all connections and refuses new ones, until {@link FaultProxy.restore}. */
  cut(): void
  restore(): void
}

/**
 * Starts a {@link FaultProxy} on a free port of the loopback address.
 *
 * @param serverUrl - Address of the server, for example `redis://127.0.0.1:6379`.
 */
export async function faultProxy(serverUrl: string): Promise<FaultProxy> {
  const proxy = new TcpProxy(new URL(serverUrl))
  await proxy.listen()
  return proxy
}

type Fault =
  | { readonly at: 'request' }
  /** Bytes of the answer that still pass. */
  | { readonly at: 'answer'; readonly bytes: number }

class TcpProxy implements FaultProxy {
  readonly #target: URL
  readonly #server: net.Server
  readonly #sockets: Set<net.Socket> = new Set()
  #fault: (Fault & { readonly done: () => void }) | undefined
  #isFrozen = false
  #isCut = false

  constructor(target: URL) {
    this.#target = target
    this.#server = net.createServer((client) => this.#join(client))
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get url(): string {
    const url = new URL(this.#target)
    url.host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return url.href.replace(/\/$/, '')
  }

  loseNextRequest(): Promise<void> {
    return this.#arm({ at: 'request' })
  }

  loseNextAnswer(): Promise<void> {
    return this.#arm({ at: 'answer', bytes: 0 })
  }

  cutNextAnswerAfter(bytes: number): Promise<void> {
    return this.#arm({ at: 'answer', bytes })
  }

  freeze(): void {
    this.#isFrozen = true
    for (const socket of this.#sockets) socket.pause()
  }

  thaw(): void {
    this.#isFrozen = false
    for (const socket of this.#sockets) socket.resume()
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  restore(): void {
    this.#isCut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #arm(fault: Fault): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#fault = { ...fault, done: resolve }
    return promise
  }

  #join(client: net.Socket): void {
    if (this.#isCut) return void client.destroy()
    const upstream = net.connect(Number(this.#target.port), this.#target.hostname)
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      // Broken connections are this proxy's business; the client sees them on its own side.
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (this.#fault?.at !== 'request') return void upstream.write(bytes)
      this.#spend(client)
    })
    upstream.on('data', (bytes) => this.#answer(client, bytes))
    if (this.#isFrozen) for (const socket of [client, upstream]) socket.pause()
  }

  #answer(client: net.Socket, bytes: Buffer): void {
    const fault = this.#fault
    if (fault?.at !== 'answer') return void client.write(bytes)
    if (bytes.length < fault.bytes) {
      this.#fault = { ...fault, bytes: fault.bytes - bytes.length }
      return void client.write(bytes)
    }
    if (fault.bytes > 0) client.write(bytes.subarray(0, fault.bytes))
    this.#spend(client)
  }

  #spend(client: net.Socket): void {
    const fault = this.#fault
    this.#fault = undefined
    // `end` lets bytes out that were passed on before; a reset would take them back.
    if (fault?.at === 'answer' && fault.bytes > 0) client.end()
    else client.destroy()
    fault?.done()
  }
}
