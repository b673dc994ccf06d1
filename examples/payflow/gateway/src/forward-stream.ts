import { once } from 'node:events'
import {
  unavailable,
  type HttpClient,
  type OpenAnswer,
  type StreamSlots,
} from '@payflow-app/service-kit'
import type { Request, Response } from 'express'
import { passAnswerOn, passHeadersOn } from './forward.ts'

/** What every stream that goes through this process is held to. */
export interface StreamForwarding {
  readonly slots: StreamSlots
  /** The process is stopping: all streams end, so that their clients go to another one. */
  readonly signal: AbortSignal
  /** A service that sends nothing for this long, no sign of life either, is gone. */
  readonly silenceMaxMs: number
  /** A client that takes nothing for this long, with something waiting, is cut off. */
  readonly stallMaxMs: number
}

/** A stream that is opened for a client. */
export interface ForwardedStream extends StreamForwarding {
  readonly client: HttpClient
  readonly userId: string
  readonly path: string
}

/**
 * Opens a stream for the client, with the client's own token, and passes each part on as it comes:
 * nothing is collected, and nothing is read that the client does not take. There is a limit on the
 * time to the head of the answer and none on the whole; the service ends its streams itself.
 *
 * Ends what is open behind it when the client hangs up, and the other way round.
 *
 * @throws {@link ProblemError} when the stream cannot be opened; nothing is thrown once it is.
 */
export async function forwardStream(
  req: Request,
  res: Response,
  { client, userId, path, ...rules }: ForwardedStream,
): Promise<void> {
  // Gone while its token was looked at: no 'close' comes any more that would end what is opened here.
  if (res.destroyed) return
  const giveBack = rules.slots.take(userId)
  const hungUp = new AbortController()
  res.once('close', () => {
    hungUp.abort()
    giveBack()
  })
  const signal = AbortSignal.any([hungUp.signal, rules.signal])
  const answer = await open(client, req, path, signal)
  if (answer.isEventStream && req.method !== 'HEAD') {
    res.status(answer.status)
    passHeadersOn(answer.headers, res)
    res.setHeader('x-accel-buffering', 'no')
    res.flushHeaders()
    await pipe(answer.chunks, res, rules)
    return
  }
  if (answer.isEventStream) hungUp.abort() // Only its head was asked for.
  const body = answer.isEventStream ? Buffer.alloc(0) : await answer.wholeBody()
  passAnswerOn({ ...answer, body }, res)
}

interface Opened extends OpenAnswer {
  readonly isEventStream: boolean
}

async function open(
  client: HttpClient,
  req: Request,
  path: string,
  signal: AbortSignal,
): Promise<Opened> {
  const headers = Object.fromEntries(
    ['authorization', 'last-event-id'].flatMap((name) => {
      const value = req.get(name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  try {
    const answer = await client.open({ method: 'GET', path, headers, signal })
    const type = answer.headers.get('content-type') ?? ''
    return { ...answer, isEventStream: type.startsWith('text/event-stream') }
  } catch (error) {
    // The client has gone, which nobody reads, or we are stopping.
    if (signal.aborted) throw unavailable('The process is stopping', error)
    throw error
  }
}

async function pipe(
  chunks: AsyncIterable<Uint8Array>,
  res: Response,
  { silenceMaxMs, stallMaxMs, signal }: StreamForwarding,
): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]()
  try {
    for (;;) {
      const silence = deadline(silenceMaxMs)
      const next = await Promise.race([iterator.next(), silence.passed]).finally(silence.cancel)
      if (next === 'passed') throw new Error('the service has fallen silent')
      if (next.done === true) break
      if (res.write(next.value)) continue
      const stall = AbortSignal.timeout(stallMaxMs)
      await once(res, 'drain', { signal: AbortSignal.any([stall, signal]) })
    }
    res.end()
  } catch {
    // Whichever side it was: the other must not take half an event for the end of the stream. When
    // we are stopping, all that was begun has been said; the client comes back by itself.
    if (signal.aborted) res.end()
    else res.destroy()
  } finally {
    // Not waited for: what is to be given up may be what hangs.
    iterator.return?.()?.then(undefined, () => undefined)
  }
}

function deadline(ms: number) {
  const { promise: passed, resolve } = Promise.withResolvers<'passed'>()
  const timer = setTimeout(() => resolve('passed'), ms)
  return { passed, cancel: () => clearTimeout(timer) }
}
