/*
 * Just enough of PostgreSQL's wire protocol to know where a message ends and which statement it is
 * about. Source: PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats".
 */

/** One message, in the bytes it came in. */
export interface Frame {
  /** The message's type byte: `Q` a query, `P` Parse, `Z` ReadyForQuery …; `''` before log-in. */
  readonly type: string
  readonly bytes: Buffer
}

const LENGTH_BYTES = 4
/** Code of a first message that asks for something else than a session, all of 8 bytes or 16. */
const SSL_REQUEST = 80_877_103
const GSS_REQUEST = 80_877_104
export const CANCEL_REQUEST = 80_877_102

/**
 * Cuts a stream of bytes into messages, however the network sliced it.
 *
 * @param untyped - a client's stream: until its start-up message, messages have no type byte
 */
export class Framer {
  #rest: Buffer = Buffer.alloc(0)
  #untyped: boolean

  constructor(untyped: boolean) {
    this.#untyped = untyped
  }

  /** The messages that are whole by now. */
  push(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    let at = 0
    for (;;) {
      const head = this.#untyped ? 0 : 1
      if (bytes.length - at < head + LENGTH_BYTES) break
      const end = at + head + bytes.readInt32BE(at + head)
      if (end > bytes.length) break
      const frame = { type: head === 0 ? '' : String.fromCharCode(bytes[at] as number) }
      frames.push({ ...frame, bytes: bytes.subarray(at, end) })
      if (this.#untyped) this.#untyped = isNegotiation(codeOf(bytes.subarray(at, end)))
      at = end
    }
    this.#rest = bytes.subarray(at)
    return frames
  }
}

/** The code of a message without a type: a protocol version, or one of the requests above. */
export const codeOf = (bytes: Buffer): number => bytes.readInt32BE(LENGTH_BYTES)

/** Asks for encryption; the server answers one byte, and another message without a type follows. */
export const isNegotiation = (code: number): boolean => code === SSL_REQUEST || code === GSS_REQUEST

/** The process id of BackendKeyData (`K`). */
export const backendPidOf = (frame: Frame): number => frame.bytes.readInt32BE(1 + LENGTH_BYTES)

/** Remembers the texts of prepared statements, so that a Bind of one can be told by its text. */
export class StatementTexts {
  readonly #texts = new Map<string, string>()

  /** The text that a `Q`, `P` or `B` is about; null for any other message. */
  read(frame: Frame): string | null {
    const body = 1 + LENGTH_BYTES
    if (frame.type === 'Q') return cString(frame.bytes, body).text
    if (frame.type === 'P') {
      const name = cString(frame.bytes, body)
      const { text } = cString(frame.bytes, name.end)
      this.#texts.set(name.text, text)
      return text
    }
    if (frame.type === 'B') {
      const portal = cString(frame.bytes, body)
      return this.#texts.get(cString(frame.bytes, portal.end).text) ?? ''
    }
    return null
  }
}

function cString(bytes: Buffer, from: number): { text: string; end: number } {
  const zero = bytes.indexOf(0, from)
  return { text: bytes.toString('utf8', from, zero), end: zero + 1 }
}
