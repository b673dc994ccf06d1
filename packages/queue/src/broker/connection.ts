import { connect } from 'amqplib'
import type { ChannelModel } from 'amqplib'
import { backoffMs, pause } from '../backoff.ts'
import { BrokerUnavailableError } from '../errors.ts'
import type { ConnectionPurpose } from '../events.ts'
import type { BrokerOptions } from '../options.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { ConnectionHealth } from '../types.ts'

/** One established connection. `generation` never repeats within a process. */
export interface LiveConnection {
  readonly model: ChannelModel
  readonly generation: number
}

interface ConnectionOptions {
  readonly purpose: ConnectionPurpose
  readonly broker: BrokerOptions
  readonly source: string
  readonly reporter: Reporter
}

const RECONNECT = { baseMs: 100, maxMs: 5_000 }
const CONNECT_TIMEOUT_MS = 10_000
const CLOSE_TIMEOUT_MS = 2_000

/**
 * Keeps one connection to the broker for as long as it is wanted: connects in the background,
 * again after every loss, with jittered back-off and without ever giving up.
 *
 * amqplib's own recovery brings back connections but neither channels nor consumers, so what uses a
 * connection has to notice a new one anyway; it is told by `onUp`.
 */
export class BrokerConnection {
  readonly #options: ConnectionOptions
  readonly #urls: readonly string[]
  readonly #stop = new AbortController()
  readonly #upListeners = new Set<(live: LiveConnection) => void>()
  readonly #blockedListeners = new Set<(reason: string | undefined) => void>()
  #live: LiveConnection | undefined
  #blocked: string | undefined
  #generation = 0
  #lastError: string | undefined
  #loop: Promise<void> | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#urls = brokerUrls(options.broker)
  }

  get live(): LiveConnection | undefined {
    return this.#live
  }

  /** Why the broker takes no messages on this connection, while it doesn't. */
  get blocked(): string | undefined {
    return this.#blocked
  }

  /** Begins to connect; further calls do nothing. */
  start(): void {
    if (this.#stop.signal.aborted) return
    this.#loop ??= this.#run()
  }

  /** Calls back for every connection made, at once if there is one. */
  onUp(listener: (live: LiveConnection) => void): void {
    this.#upListeners.add(listener)
    if (this.#live !== undefined) listener(this.#live)
  }

  onBlockedChange(listener: (reason: string | undefined) => void): void {
    this.#blockedListeners.add(listener)
  }

  /** The connection, now or as soon as there is one; `undefined` if the signal aborts first. */
  async waitUp(signal: AbortSignal): Promise<LiveConnection | undefined> {
    this.start()
    if (this.#live !== undefined || signal.aborted) return this.#live
    return await new Promise((resolve) => {
      const finish = (live?: LiveConnection): void => {
        this.#upListeners.delete(finish)
        signal.removeEventListener('abort', onAbort)
        resolve(live)
      }
      const onAbort = (): void => finish()
      signal.addEventListener('abort', onAbort)
      this.#upListeners.add(finish)
    })
  }

  health(): ConnectionHealth {
    return { state: this.#state(), generation: this.#generation, lastError: this.#lastError }
  }

  /** Closes for good. Frames written before are flushed first. */
  async close(): Promise<void> {
    this.#stop.abort()
    const live = this.#live
    if (live !== undefined) await closeModel(live.model)
    await this.#loop
  }

  #state(): ConnectionHealth['state'] {
    if (this.#stop.signal.aborted) return 'closed'
    if (this.#loop === undefined) return 'idle'
    if (this.#live === undefined) return 'connecting'
    return this.#blocked === undefined ? 'up' : 'blocked'
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#stop.signal.aborted) {
      let error: unknown
      try {
        error = await this.#connectAndStay(this.#urlFor(failures), () => {
          failures = 0
        })
      } catch (caught) {
        error = caught
      }
      if (this.#stop.signal.aborted) return
      this.#lastError = errorText(error)
      const retryInMs = backoffMs(failures, RECONNECT)
      failures += 1
      this.#options.reporter.emit({
        type: 'connection.down',
        purpose: this.#options.purpose,
        error,
        retryInMs,
      })
      await pause(retryInMs, this.#stop.signal)
    }
  }

  /** The nodes in turn, the next one after each failure. */
  #urlFor(failures: number): string {
    return this.#urls[failures % this.#urls.length] ?? ''
  }

  /** Resolves with the reason when an established connection is lost. */
  async #connectAndStay(url: string, onConnected: () => void): Promise<unknown> {
    const { purpose, broker, source, reporter } = this.#options
    const open = broker.connect ?? connect
    const model = await open(withHeartbeat(url, broker.heartbeatS ?? 10), {
      noDelay: true,
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: `${source} (${purpose})` },
    })
    const lost = new Promise<unknown>((resolve) => {
      let reason: unknown
      model.on('error', (error) => (reason = error))
      model.on('close', (error) => resolve(reason ?? error ?? new Error('The connection closed')))
    })
    model.on('blocked', (reason) => this.#setBlocked(reason))
    model.on('unblocked', () => this.#setBlocked(undefined))
    if (this.#stop.signal.aborted) {
      await closeModel(model)
      return undefined
    }
    onConnected()
    this.#generation += 1
    const live = { model, generation: this.#generation }
    this.#live = live
    this.#lastError = undefined
    reporter.emit({ type: 'connection.up', purpose, generation: live.generation })
    for (const listener of this.#upListeners) listener(live)
    const reason = await lost
    this.#live = undefined
    if (this.#blocked !== undefined) this.#setBlocked(undefined)
    return reason
  }

  #setBlocked(reason: string | undefined): void {
    this.#blocked = reason
    this.#options.reporter.emit(
      reason === undefined
        ? { type: 'connection.unblocked' }
        : { type: 'connection.blocked', reason },
    )
    for (const listener of this.#blockedListeners) listener(reason)
  }
}

function brokerUrls(broker: BrokerOptions): readonly string[] {
  const urls = broker.urls ?? (broker.url === undefined ? [] : [broker.url])
  if (urls.length === 0) throw new BrokerUnavailableError('broker.url or broker.urls is needed')
  return urls
}

/** A heartbeat already in the URL wins. */
function withHeartbeat(url: string, heartbeatS: number): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('heartbeat')) {
    parsed.searchParams.set('heartbeat', String(heartbeatS))
  }
  return parsed.href
}

/** A frozen broker never answers the close handshake, so the socket is cut after a while. */
async function closeModel(model: ChannelModel): Promise<void> {
  const deadline = new AbortController()
  const closed = model.close().catch(() => {})
  await Promise.race([closed, pause(CLOSE_TIMEOUT_MS, deadline.signal)])
  deadline.abort()
  const { stream } = model.connection as { stream?: { destroy?: () => void } }
  stream?.destroy?.()
}
