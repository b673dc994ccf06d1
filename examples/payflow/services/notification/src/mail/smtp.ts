import { Readable } from 'node:stream'
import { createTransport } from 'nodemailer'
import type { NodemailerError, Transporter } from 'nodemailer'
import { harmlessReply } from './harmless.ts'
import type { SenderAddress } from './sender-address.ts'
import type { WrittenMail } from './write-mail.ts'

/** A mail as it leaves. */
export interface OutgoingMail extends WrittenMail {
  readonly to: string
  readonly messageId: string
  readonly date: Date
}

/** What became of one attempt to hand a mail over. */
export type SmtpOutcome =
  /** The server said 250: it is the server's now. */
  | { readonly outcome: 'taken' }
  /** The server does not want this mail, now (4xx) or ever (5xx). It has no copy. */
  | { readonly outcome: 'refused'; readonly forGood: boolean; readonly reason: string }
  /** The mail was on its way when the answer failed to come. The server may have it. */
  | { readonly outcome: 'unanswered'; readonly reason: string }
  /** It did not come to the mail: no server, no greeting, no login. The server has no copy. */
  | { readonly outcome: 'unreachable'; readonly reason: string }

/** Hands mails to a mail server. */
export interface Smtp {
  /** Makes one attempt. Never rejects. When `signal` aborts, its connection is cut. */
  send(mail: OutgoingMail, signal: AbortSignal): Promise<SmtpOutcome>
  /** Closes all connections, also those in use. */
  close(): void
}

/** Options of {@link createSmtp}. */
export interface SmtpOptions {
  readonly url: string
  readonly tls: 'required' | 'offered'
  readonly from: SenderAddress
  readonly connectionsMax: number
  /** For each step. */
  readonly timeoutMs: number
}

/** After so many mails a connection is replaced, so that load spreads over a farm of servers. */
const MAILS_PER_CONNECTION = 100

/** Creates a pool of connections to a mail server. Connects with the first mail. */
export function createSmtp(options: SmtpOptions): Smtp {
  const { from, timeoutMs } = options
  const transport = createTransport({
    ...serverOf(options),
    pool: true,
    maxConnections: options.connectionsMax,
    maxMessages: MAILS_PER_CONNECTION,
    // Sending again is for the table to decide: the pool would make copies that nobody knows of.
    maxRequeues: 0,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    socketCloseTimeout: 100,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const isHandedOver = watchHandingOver(transport)
  return {
    async send({ to, subject, text, html, messageId, date }, signal) {
      try {
        await transport.sendMail({
          from: { name: from.name, address: from.address },
          // As an object: a string would be taken apart at commas. No name: it is a stranger's.
          to: { name: '', address: to },
          envelope: { from: from.address, to: [to] },
          subject,
          text,
          html,
          messageId,
          date,
          headers: {
            // No answers by machines (RFC 3834), in both dialects.
            'Auto-Submitted': 'auto-generated',
            'X-Auto-Response-Suppress': 'All',
          },
          signal,
        })
        return { outcome: 'taken' }
      } catch (error) {
        return outcomeOf(error as NodemailerError, isHandedOver(signal))
      }
    },
    close: () => transport.close({ force: true }),
  }
}

function serverOf({ url, tls }: SmtpOptions) {
  const { protocol, hostname, port, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  return {
    host: hostname.replaceAll(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !secure && tls === 'required',
    ...(username !== '' && {
      auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
    }),
  }
}

/**
 * Tells of an attempt, by its signal, whether the mail itself has begun to leave: that is when the
 * server begins to be able to have it. nodemailer reads it after the server's 354 and not before,
 * and its errors do not say whether it had.
 */
function watchHandingOver(transport: Transporter): (signal: AbortSignal) => boolean {
  const bodies = new WeakMap<AbortSignal, Readable>()
  transport.use('stream', (mail, done) => {
    const { message } = mail
    const { signal } = mail.data as { signal?: AbortSignal }
    if (!message || !signal) return done()
    message.build((error, bytes) => {
      if (error) return done(error)
      message.createReadStream = () => {
        const body = bodyOf(bytes)
        bodies.set(signal, body)
        return body
      }
      done()
    })
  })
  return (signal) => bodies.get(signal)?.readableDidRead ?? false
}

/** In one piece: nodemailer's own stream has one for each line or so, and each is a write. */
function bodyOf(bytes: Buffer): Readable {
  return new Readable({
    highWaterMark: bytes.length,
    read() {
      this.push(bytes)
      this.push(null)
    },
  })
}

/** The commands whose refusal is about this mail. Who may send at all is asked before. */
const aboutTheMail = new Set(['RCPT TO', 'DATA'])

function outcomeOf(error: NodemailerError, handedOver: boolean): SmtpOutcome {
  const { code, command, responseCode, response, message } = error
  const reason = harmlessReply(response ?? `${code ?? 'ERROR'}: ${message}`)
  if (responseCode && command && aboutTheMail.has(command)) {
    return { outcome: 'refused', forGood: responseCode >= 500, reason }
  }
  // 421 is the server's end, not an answer about the sender.
  if (responseCode && responseCode !== 421 && command === 'MAIL FROM') {
    // Whether the sender is at fault or ours is the fault: people can put it right meanwhile.
    return { outcome: 'refused', forGood: false, reason }
  }
  if (code === 'EENVELOPE' && command === 'API') {
    return { outcome: 'refused', forGood: true, reason: 'the address cannot be used in SMTP' }
  }
  return { outcome: handedOver ? 'unanswered' : 'unreachable', reason }
}
