import { createServer, connect } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A wire between a bus and a server that a test can cut, or let go silent. */
export class Proxy implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #lastWord: string | undefined
  #heldWord: string | undefined
  #held: { far: Socket; bytes: Buffer[] } | undefined
  #losing = false
  #lost = 0

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
  }

  static async to(target: string): Promise<Proxy> {
    const { hostname, port } = new URL(target)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    const proxy = new Proxy(server, url.href)
    server.on('connection', (near) => proxy.#join(near, connect(Number(port), hostname)))
    return proxy
  }

  /** Ends every connection at once; new ones may be made. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy()
      far.destroy()
    }
  }

  /** Keeps every connection open and carries nothing, in either direction. */
  silence(): void {
    for (const [near, far] of this.#pairs) {
      near.pause()
      far.unpipe(near).pause()
    }
  }

  /** Carries what the client says up to this word, and from then on no answer. */
  loseAnswersAfter(word: string): void {
    this.#lastWord = word
  }

  /** Carries answers again, also those that came meanwhile. */
  answerAgain(): void {
    for (const [near, far] of this.#pairs) far.pipe(near)
  }

  /** How many messages the server has delivered in vain. */
  get lost(): number {
    return this.#lost
  }

  /** Loses every message that is delivered from now on, and carries all else. Before the first connection. */
  loseDeliveries(): void {
    this.#losing = true
  }

  /** Carries deliveries, too. */
  deliverAgain(): void {
    this.#losing = false
  }

  /** Carries what the client says up to this word, and keeps what it says from then on. */
  holdFrom(word: string): void {
    this.#heldWord = word
  }

  /** Whether something is being held. */
  get holds(): boolean {
    return this.#held !== undefined
  }

  /** The client loses its connection; the server does not notice. */
  cutHeldClient(): void {
    for (const [near, far] of this.#pairs) if (far === this.#held?.far) near.destroy()
  }

  /** Hands the server what was held, and carries again. */
  letGo(): void {
    const held = this.#held
    this.#held = undefined
    for (const bytes of held?.bytes ?? []) held?.far.write(bytes)
  }

  /** The server loses its connection and aborts; the client does not notice. */
  abortHeld(): void {
    const far = this.#held?.far
    for (const [near, other] of this.#pairs) if (other === far) far.unpipe(near)
    far?.removeAllListeners('close').destroy()
  }

  /** Forgets what was held; now the server loses its connection, too. */
  dropHeld(): void {
    this.#held?.far.destroy()
    this.#held = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.dropHeld()
    this.cut()
    await closed
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near.setNoDelay(), far.setNoDelay()] as const
    this.#pairs.add(pair)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => {})
      from.on('close', () => {
        if (to === this.#held?.far) return
        this.#pairs.delete(pair)
        to.destroy()
      })
    }
    near.on('data', (bytes) => {
      this.#carry(far, bytes)
      if (this.#lastWord === undefined || !bytes.includes(this.#lastWord)) return
      this.#lastWord = undefined
      far.unpipe(near).pause()
    })
    const sieve = new FrameSieve(
      () => this.#losing,
      () => (this.#lost += 1),
    )
    if (this.#losing) far.on('data', (bytes) => near.write(sieve.pass(bytes)))
    else far.pipe(near)
  }

  #carry(far: Socket, bytes: Buffer): void {
    if (
      this.#held === undefined &&
      this.#heldWord !== undefined &&
      bytes.includes(this.#heldWord)
    ) {
      this.#heldWord = undefined
      this.#held = { far, bytes: [] }
    }
    if (this.#held?.far === far) this.#held.bytes.push(bytes)
    else far.write(bytes)
  }
}

const METHOD_FRAME = 1
const HEARTBEAT_FRAME = 8
const FRAME_OVERHEAD = 8
/** Class and method of basic.deliver. */
const DELIVER = 0x003c_003c

/** Takes deliveries out of what an AMQP server says. */
class FrameSieve {
  readonly #losing: () => boolean
  readonly #onLost: () => void
  #rest: Buffer = Buffer.alloc(0)
  /** Channels on which header and body of a lost delivery are still to come. */
  readonly #dropping = new Set<number>()

  constructor(losing: () => boolean, onLost: () => void) {
    this.#losing = losing
    this.#onLost = onLost
  }

  pass(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#rest, bytes])
    const kept: Buffer[] = []
    let at = 0
    while (all.length - at >= FRAME_OVERHEAD) {
      const end = at + FRAME_OVERHEAD + all.readUInt32BE(at + 3)
      if (end > all.length) break
      const frame = all.subarray(at, end)
      if (!this.#isLost(frame)) kept.push(frame)
      at = end
    }
    this.#rest = all.subarray(at)
    return Buffer.concat(kept)
  }

  #isLost(frame: Buffer): boolean {
    const [type, channel] = [frame.readUInt8(0), frame.readUInt16BE(1)]
    if (type === HEARTBEAT_FRAME) return false
    if (type !== METHOD_FRAME) return this.#dropping.has(channel)
    const isDelivery = frame.readUInt32BE(7) === DELIVER && this.#losing()
    if (isDelivery) this.#onLost()
    if (isDelivery) this.#dropping.add(channel)
    else this.#dropping.delete(channel)
    return isDelivery
  }
}
