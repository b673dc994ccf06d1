import type { Response } from 'express'

/** Why a stream of events was ended by the server. */
export type StreamEnd = 'complete' | 'too-slow' | 'expired' | 'draining'

/** Options of {@link openEventStream}. */
export interface EventStreamOptions {
  /**
   * From one sign of life to the next, in milliseconds. Shorter than the minute after which proxies
   * end what is silent.
   */
  readonly heartbeatMs: number
  /** How long the client waits before it connects again, in milliseconds. */
  readonly retryMs: number
  /** How long the stream may stay open, in milliseconds: no longer than the client's token is valid. */
  readonly lifetimeMs: number
  /**
   * What may wait for a client that does not read, in bytes, beyond what the system's own buffers
   * hold. A client with more is cut off: it connects again and goes on where it was.
   * @defaultValue `65_536`
   */
  readonly unsentBytesMax?: number
  /** Ends the stream: the process is stopping. */
  readonly signal: AbortSignal
  /** Called once, whoever ends the stream. `gone`: the client did. */
  readonly onClosed: (why: StreamEnd | 'gone') => void
}

/** A stream of server-sent events that is open. */
export interface EventStream {
  /** Sends an event; does nothing when the stream has ended. */
  send(event: { readonly id: string; readonly data: unknown }): void
  /** Ends the stream. */
  end(why: StreamEnd): void
}

/**
 * Answers with a stream of server-sent events (HTML Living Standard §9.2), which ends by itself:
 * when its time is up, the process stops, or the client goes away or does not read.
 *
 * Every such end but that of a client that does not read comes between two events. A client that
 * connects again, with the id it has seen last, misses nothing.
 */
export function openEventStream(res: Response, options: EventStreamOptions): EventStream {
  const { heartbeatMs, retryMs, lifetimeMs, unsentBytesMax = 65_536, signal, onClosed } = options
  let ended: StreamEnd | undefined
  const write = (text: string): void => {
    if (ended !== undefined) return
    res.write(text)
    if (res.writableLength <= unsentBytesMax) return
    ended = 'too-slow'
    res.destroy()
  }
  const end = (why: StreamEnd): void => {
    if (ended !== undefined) return
    ended = why
    res.end()
  }
  const drain = (): void => end('draining')
  res.status(200)
  res.setHeader('content-type', 'text/event-stream; charset=utf-8')
  // Nobody on the way may keep it, change it, or wait for more of it.
  res.setHeader('cache-control', 'no-store, no-transform')
  res.setHeader('x-accel-buffering', 'no')
  const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs)
  const lifetime = setTimeout(() => end('expired'), Math.max(0, lifetimeMs))
  const closed = (): void => {
    clearInterval(heartbeat)
    clearTimeout(lifetime)
    signal.removeEventListener('abort', drain)
    onClosed(ended ?? 'gone')
  }
  // Before what takes it away again: the signal is the process's own and outlives every stream.
  signal.addEventListener('abort', drain, { once: true })
  // Who has gone while the answer was being looked for closes nothing any more.
  if (res.destroyed) closed()
  else res.once('close', closed)
  write(`retry: ${retryMs}\n\n`)
  if (signal.aborted) drain()
  return {
    send: ({ id, data }) => write(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`),
    end,
  }
}
