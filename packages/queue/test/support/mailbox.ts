import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { callbackify } from 'node:util'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerDataStream } from 'smtp-server'

/** A real SMTP server that keeps what it is sent. */
export interface Mailbox {
  readonly url: string
  /** Whole mails, with their headers. */
  readonly received: string[]
  /** Answers the next mail with this code instead of taking it. */
  refuseNext(code: number): void
  close(): Promise<void>
}

/** Opens it on a free port of this machine. */
export async function openMailbox(): Promise<Mailbox> {
  const received: string[] = []
  const refusals: number[] = []
  const take = async (stream: SMTPServerDataStream): Promise<void> => {
    const mail = await text(stream)
    const code = refusals.shift()
    if (code !== undefined) {
      throw Object.assign(new Error('Refused by the test'), { responseCode: code })
    }
    received.push(mail)
  }
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, done) => callbackify(take)(stream, done),
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    received,
    refuseNext: (code) => refusals.push(code),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(resolve)
      }),
  }
}
