// A real SMTP server that keeps what it takes, and misbehaves when it is told to.
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { callbackify } from 'node:util'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'

/** A mail that was taken: as it came, and read. */
export interface TakenMail {
  readonly to: string
  readonly raw: string
  readonly parsed: ParsedMail
}

/**
 * What is done with a mail whose last byte has come: taken, refused with a code, kept from being
 * answered until {@link MailServer.release}, or taken without a word before its connection breaks.
 */
export type DataReply = 'take' | 'hold' | 'take and cut' | 'cut' | number

/** What is answered to a recipient: nothing unusual, a code, or nothing until `release`. */
export type RecipientReply = 'accept' | 'hold' | number

export class MailServer implements AsyncDisposable {
  readonly taken: TakenMail[] = []
  onRecipient: (address: string) => RecipientReply = () => 'accept'
  onData: (to: string) => DataReply = () => 'take'
  /** How many mails it has had in hand, taken or not. */
  offered = 0
  /** How many connections it has accepted. */
  connections = 0
  #server: SMTPServer | undefined
  #port = 0
  readonly #sockets = new Set<Socket>()
  #held: (() => void)[] = []

  static async start(): Promise<MailServer> {
    const server = new MailServer()
    await server.start()
    return server
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.#port}`
  }

  /** How many clients it has answered nothing yet. */
  get holding(): number {
    return this.#held.length
  }

  /** Answers everybody who was kept waiting. */
  release(): void {
    for (const answer of this.#held.splice(0)) answer()
  }

  /** The mails to an address, in the order in which they came. */
  to(address: string): TakenMail[] {
    return this.taken.filter((mail) => mail.to === address)
  }

  /** Behaves again. */
  behave(): void {
    this.onRecipient = () => 'accept'
    this.onData = () => 'take'
    this.release()
  }

  async start(): Promise<void> {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      disableReverseLookup: true,
      closeTimeout: 10,
      onRcptTo: ({ address }, _session, done) => {
        const reply = this.onRecipient(address)
        if (reply === 'hold') this.#held.push(() => done())
        else done(reply === 'accept' ? undefined : refusal(reply))
      },
      onData: (stream, session, done) => callbackify(() => this.#receive(stream, session))(done),
    })
    // Without a listener a client that is killed would be an uncaught error of this process.
    server.on('error', () => undefined)
    server.server.on('connection', (socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => {
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (server.server.address() as AddressInfo).port
    this.#server = server
  }

  /** Goes away, connections and all; {@link start} brings it back under the same address. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.#held = []
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => {
      if (server) server.close(resolve)
      else resolve()
    })
  }

  async #receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const to = session.envelope.rcptTo[0]?.address ?? ''
    const raw = await text(stream)
    this.offered += 1
    const reply = this.onData(to)
    if (typeof reply === 'number') throw refusal(reply)
    if (reply !== 'cut') this.taken.push({ to, raw, parsed: await simpleParser(raw) })
    if (reply === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve))
    if (reply !== 'cut' && reply !== 'take and cut') return
    // Only its own: mails on other connections are other tests'.
    for (const socket of this.#sockets) {
      if (socket.remotePort === session.remotePort) socket.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function refusal(responseCode: number): Error {
  return Object.assign(new Error('As the test wishes'), { responseCode })
}
