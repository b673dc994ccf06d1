import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { callbackify } from 'node:util'
import type { Logger } from '@payflow-app/service-kit'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import type { Mailbox } from './mailbox.ts'

/** Options of {@link openSmtpDoor}. */
export interface SmtpDoorOptions {
  readonly mailbox: Mailbox
  readonly host: string
  readonly port: number
  readonly bytesMax: number
  readonly logger: Logger
  readonly onMail: () => void
}

/** Where mails come in. */
export interface SmtpDoor {
  readonly port: number
  /** Lets nobody in any more, and ends the connections there are. */
  close(): Promise<void>
}

const CLIENTS_MAX = 50
const SILENCE_MAX_MS = 60_000
const CLOSE_AFTER_MS = 1_000

/** Opens an SMTP server that takes every mail, sends none on, and answers 250 once it is on disk. */
export async function openSmtpDoor(options: SmtpDoorOptions): Promise<SmtpDoor> {
  const { mailbox, logger, onMail } = options
  const take = async (stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> => {
    const raw = await buffer(stream)
    // The rest of it was read and dropped; the server answers 552 by itself.
    if (stream.sizeExceeded) return
    const to = session.envelope.rcptTo.map(({ address }) => address)
    const id = await mailbox.add({ to, raw })
    onMail()
    logger.info({ mailId: id }, 'a mail came')
  }
  const server = new SMTPServer({
    banner: 'PayFlow mail sink',
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    size: options.bytesMax,
    rejectOversized: true,
    maxClients: CLIENTS_MAX,
    socketTimeout: SILENCE_MAX_MS,
    closeTimeout: CLOSE_AFTER_MS,
    onData: (stream, session, done) => callbackify(take)(stream, session, done),
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A client that breaks off is its own business.
  server.on('error', (error) => logger.debug({ err: error }, 'an SMTP connection failed'))
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
      }),
  }
}
