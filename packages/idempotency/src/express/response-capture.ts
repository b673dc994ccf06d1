import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { packHttpRecord } from '../http-record.ts'
import type { StoredHeader } from '../http-record.ts'

/** A response as its handler made it. */
export interface CapturedResponse {
  readonly status: number
  readonly headers: readonly StoredHeader[]
  /** Ready to be stored; `undefined` when the body is larger than what is captured. */
  readonly record: Buffer | undefined
}

/** How a response is captured. */
export interface CaptureOptions {
  readonly bodyMaxBytes: number
  /** Names of headers to keep, lower case. */
  readonly headers: ReadonlySet<string>
  /** Called once, before the last byte leaves. Must not reject. */
  readonly settle: (response: CapturedResponse) => Promise<void>
  /** The connection closed in the middle of the body. */
  readonly onCut: () => void
}

type Callback = (error?: Error | null) => void
type WriteHeadHeaders = OutgoingHttpHeaders | readonly unknown[]

/**
 * Captures what leaves through the lowest methods a response has, so that `json`, `pipe`,
 * `sendFile`, a bare `end` and an error handler are all seen the same, byte for byte.
 *
 * The body is held back until it is stored: a client that has the whole response can send its retry
 * at once, and must find it. A body above the limit is streamed, with only its last chunk held
 * back.
 */
export function captureResponse(res: ServerResponse, options: CaptureOptions): void {
  const target = res as Methods & { [capture]?: ResponseCapture }
  target[capture] = new ResponseCapture(res, options)
  target.writeHead = captured.writeHead
  target.write = captured.write
  target.end = captured.end
  target.flushHeaders = captured.flushHeaders
  Object.defineProperty(res, 'writableEnded', writableEnded)
  res.on('close', onClose)
}

const capture = Symbol('capture')

interface WithCapture extends ServerResponse {
  [capture]: ResponseCapture
}

/** A method of a response; Node's own have too many forms to be called by all of them. */
type Method<Result> = (...args: any[]) => Result

interface Methods {
  writeHead: Method<ServerResponse>
  write: Method<boolean>
  end: Method<ServerResponse>
  flushHeaders: Method<void>
}

/*
 * The same functions for every response, which find its capture by `this`: V8 gives objects of one
 * shape one hidden class, and a getter of its own would give each response its own. All of Node's
 * code that touches a response would be slow then, three times slower in all.
 */
const captured: Methods = {
  writeHead: function (this: WithCapture, status: number, ...rest: unknown[]): ServerResponse {
    return this[capture].writeHead(status, ...rest)
  },
  write: function (this: WithCapture, chunk: unknown, ...rest: unknown[]): boolean {
    return this[capture].write(chunk, ...rest)
  },
  end: function (this: WithCapture, first?: unknown, second?: unknown, third?: unknown) {
    return this[capture].end(first, second, third)
  },
  flushHeaders: function (this: WithCapture): void {
    this[capture].flushHeaders()
  },
}

/** To its handler the response is over after `end`, although the last bytes wait for the store. */
const writableEnded: PropertyDescriptor & ThisType<WithCapture> = {
  get() {
    return this[capture].ended
  },
  configurable: true,
}

function onClose(this: WithCapture): void {
  this[capture].closed()
}

class ResponseCapture {
  ended = false
  readonly #res: ServerResponse
  readonly #options: CaptureOptions
  readonly #writeHead: Method<ServerResponse>
  readonly #write: Method<boolean>
  readonly #end: Method<ServerResponse>
  readonly #flushHeaders: Method<void>
  #headers: readonly StoredHeader[] = []
  /** As it was written down: a handler may still set another one that nobody is sent. */
  #status: number | undefined
  /** Holding: the whole body. Streaming: the last chunk. */
  #held: Buffer[] = []
  #heldBytes = 0
  #streaming = false

  constructor(res: ServerResponse, options: CaptureOptions) {
    this.#res = res
    this.#options = options
    const { writeHead, write, end, flushHeaders } = res as Methods
    this.#writeHead = writeHead
    this.#write = write
    this.#end = end
    this.#flushHeaders = flushHeaders
  }

  /** Node only writes the header down here; it leaves together with the first bytes of the body. */
  writeHead(status: number, ...rest: unknown[]): ServerResponse {
    if (this.#res.headersSent) return this.#writeHead.call(this.#res, status)
    const reason = typeof rest[0] === 'string' ? rest[0] : undefined
    const headers = (reason === undefined ? (rest[0] ?? rest[1]) : rest[1]) as WriteHeadHeaders
    applyHeaders(this.#res, headers)
    this.#headers = this.#storedHeaders()
    if (reason === undefined) this.#writeHead.call(this.#res, status)
    else this.#writeHead.call(this.#res, status, reason)
    this.#status = this.#res.statusCode
    return this.#res
  }

  /** What is stored of the headers as they are now, names in lower case. */
  #storedHeaders(): StoredHeader[] {
    const headers: StoredHeader[] = []
    for (const name of this.#res.getHeaderNames()) {
      if (!this.#options.headers.has(name)) continue
      const value = this.#res.getHeader(name)
      if (value !== undefined) headers.push([name, Array.isArray(value) ? value : String(value)])
    }
    return headers
  }

  write(chunk: unknown, ...rest: unknown[]): boolean {
    const { encoding, callback } = writeArguments(rest)
    if (this.ended) {
      process.nextTick(() => callback?.(new Error('write after end')))
      return false
    }
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      return this.#write.call(this.#res, chunk) // throws Node's own error
    }
    if (!this.#res.headersSent) this.#res.writeHead(this.#res.statusCode)
    const isRoomLeft = this.#hold(toBuffer(chunk, encoding))
    // The chunk is taken; a handler that waits for it before the next one must be able to go on.
    if (callback !== undefined) process.nextTick(callback)
    return isRoomLeft
  }

  end(first?: unknown, second?: unknown, third?: unknown): ServerResponse {
    const chunk = typeof first === 'function' ? undefined : first
    const callback = callbackOf(first) ?? callbackOf(second) ?? callbackOf(third)
    if (this.ended) {
      if (callback !== undefined) process.nextTick(callback)
      return this.#res
    }
    if (typeof chunk === 'string') {
      this.#hold(Buffer.from(chunk, typeof second === 'string' ? (second as 'utf8') : undefined))
    } else if (chunk instanceof Uint8Array) {
      this.#hold(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    } else if (chunk !== undefined && chunk !== null) {
      return this.#end.call(this.#res, chunk) // throws Node's own error
    }
    this.#writeFinalHead()
    this.ended = true
    const { body, record } = this.#takeHeld()
    const response = {
      status: this.#status ?? this.#res.statusCode,
      headers: this.#headers,
      record,
    }
    const finish = (): void => this.#finish(body, callback)
    this.#options.settle(response).then(finish, finish)
    return this.#res
  }

  /** Copies what is held: the handler may use its buffer again while the store is asked. */
  #takeHeld(): { readonly body: Buffer; readonly record: Buffer | undefined } {
    const body = wholeOf(this.#held)
    if (this.#streaming || this.#heldBytes > this.#options.bodyMaxBytes) {
      return { body: Buffer.from(body), record: undefined }
    }
    const status = this.#status ?? this.#res.statusCode
    const record = packHttpRecord({ status, headers: this.#headers, body })
    return { body: record.subarray(record.length - body.length), record }
  }

  /** Node sends a head and a short text in one piece, a head and bytes in two. */
  #finish(body: Buffer, callback: (() => void) | undefined): void {
    if (body.length === 0) this.#end.call(this.#res, undefined, callback)
    else if (body.length > shortBytes) this.#end.call(this.#res, body, callback)
    else this.#end.call(this.#res, body.toString('latin1'), 'latin1', callback)
  }

  flushHeaders(): void {
    if (!this.#res.headersSent) this.#res.writeHead(this.#res.statusCode)
    if (this.#streaming) this.#flushHeaders.call(this.#res)
  }

  closed(): void {
    if (!this.ended && this.#res.headersSent) this.#options.onCut()
  }

  /** Keeps a chunk; false when the handler should wait for `drain`. */
  #hold(chunk: Buffer): boolean {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.ended || (!this.#streaming && this.#heldBytes <= this.#options.bodyMaxBytes))
      return true
    if (!this.#res.headersSent) return true // a single large `end`: its head is not written yet
    this.#streaming = true
    const isRoomLeft = this.#held
      .slice(0, -1)
      .map((earlier) => this.#write.call(this.#res, earlier))
    this.#held = [chunk]
    return isRoomLeft.every(Boolean)
  }

  /** What Node does in `end` when all of the body is there: state its length, send no chunks. */
  #writeFinalHead(): void {
    const res = this.#res
    if (res.headersSent) return
    const hasBody = res.req.method !== 'HEAD' && res.statusCode !== 204 && res.statusCode !== 304
    const isFramed =
      res.hasHeader('content-length') ||
      res.hasHeader('transfer-encoding') ||
      res.hasHeader('trailer')
    if (hasBody && !isFramed) res.setHeader('Content-Length', this.#heldBytes)
    res.writeHead(res.statusCode)
  }
}

/** `writeHead` takes headers as an object, or as a flat array in which a name may occur again. */
function applyHeaders(res: ServerResponse, headers: WriteHeadHeaders | undefined): void {
  if (headers === undefined) return
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) res.setHeader(name, value)
    }
    return
  }
  const list = headers as unknown[]
  const pairs = Array.isArray(list[0])
    ? (list as [string, string][])
    : list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]] as [string, string]] : []))
  for (const [name] of pairs) res.removeHeader(name)
  for (const [name, value] of pairs) res.appendHeader(name, value)
}

function writeArguments(rest: unknown[]): {
  encoding: BufferEncoding | undefined
  callback: Callback | undefined
} {
  const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : undefined
  const callback = rest.find((argument) => typeof argument === 'function') as Callback | undefined
  return { encoding, callback }
}

const callbackOf = (argument: unknown): (() => void) | undefined =>
  typeof argument === 'function' ? (argument as () => void) : undefined

/** Up to here copying a body to a text costs less than another piece to write. */
const shortBytes = 4_096

const wholeOf = (chunks: readonly Buffer[]): Buffer =>
  chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)

/** Copies: the handler may use its buffer again while this one is held. */
function toBuffer(chunk: string | Uint8Array, encoding: BufferEncoding | undefined): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk)
}
