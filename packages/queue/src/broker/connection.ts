import type { ChannelModel } from 'amqplib'
import { backoffMs, pause } from '../backoff.ts'
import { BrokerUnavailableError } from '../errors.ts'
import type { ConnectionPurpose } from '../events.ts'
import type { BrokerOptions } from '../options.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { ConnectionHealth } from '../types.ts'
import { Endpoints } from './endpoints.ts'
import { closeModel, cutModel, isUnused, openConnection } from './open-connection.ts'
import type { OpenedConnection } from './open-connection.ts'
import type { BrokerServer } from './server-version.ts'

/** One established connection. `generation` never repeats within a process. */
export interface LiveConnection {
  readonly model: ChannelModel
  readonly generation: number
  /** `host:port` of the node. */
  readonly node: string
  readonly server: BrokerServer
  /**
   * Aborts when another connection has taken its place. It stays open until every channel on it is
   * closed, so whoever uses it moves over and closes theirs when nothing of theirs is in flight.
   */
  readonly retired: AbortSignal
}

interface ConnectionOptions {
  readonly purpose: ConnectionPurpose
  readonly broker: BrokerOptions
  readonly source: string
  readonly reporter: Reporter
}

/** A connection with what only its owner may do. */
interface Held {
  readonly live: LiveConnection
  readonly lost: Promise<unknown>
  readonly retire: AbortController
}

const RECONNECT = { baseMs: 100, maxMs: 5_000 }
const ROTATE_AGAIN = { baseMs: 1_000, maxMs: 30_000 }
/** Where in their time credentials are replaced. */
const ROTATE_AT = 0.8
const LONGEST_TIMER_MS = 2_147_483_647
const LOOK_EVERY_MS = 20

/**
 * Keeps one connection to the broker for as long as it is wanted: connects in the background,
 * again after every loss, with jittered back-off and without ever giving up.
 *
 * amqplib's own recovery brings back connections but neither channels nor consumers, so what uses a
 * connection has to notice a new one anyway; it is told by `onUp`.
 */
export class BrokerConnection {
  readonly #options: ConnectionOptions
  readonly #endpoints: Endpoints
  readonly #stop = new AbortController()
  readonly #upListeners = new Set<(live: LiveConnection) => void>()
  readonly #blockedListeners = new Set<(reason: string | undefined) => void>()
  readonly #retiring = new Set<LiveConnection>()
  #held: Held | undefined
  #down: PromiseWithResolvers<unknown> = Promise.withResolvers()
  #blocked: string | undefined
  #generation = 0
  #lastError: string | undefined
  #loop: Promise<void> | undefined
  #rotation: Promise<void> | undefined
  #expiry: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#endpoints = new Endpoints(options.broker)
  }

  get live(): LiveConnection | undefined {
    return this.#held?.live
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
    if (this.live !== undefined) listener(this.live)
  }

  onBlockedChange(listener: (reason: string | undefined) => void): void {
    this.#blockedListeners.add(listener)
  }

  /** The connection, now or as soon as there is one; `undefined` if the signal aborts first. */
  async waitUp(signal: AbortSignal): Promise<LiveConnection | undefined> {
    this.start()
    if (this.live !== undefined || signal.aborted) return this.live
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

  /**
   * Replaces the connection by one with new credentials: the new one is up before the old one is let
   * go, and the old one is closed when nobody has a channel on it any more, or after `drainMs`.
   * Does nothing before the first use. Rejects when no new connection could be made; the old one then
   * stays.
   */
  async rotate(drainMs: number, connectMs: number): Promise<void> {
    if (this.#loop === undefined) return
    while (this.#rotation !== undefined) await this.#rotation.catch(() => {})
    this.#rotation = this.#rotate(drainMs, connectMs).finally(() => (this.#rotation = undefined))
    await this.#rotation
  }

  /** Gives up a connection that is open but does not work, for one to the next node. */
  distrust(live: LiveConnection, reason: Error): void {
    if (this.live === live && this.#endpoints.size > 1) cutModel(live.model, reason)
  }

  health(): ConnectionHealth {
    const { node, server } = this.live ?? {}
    return {
      state: this.#state(),
      generation: this.#generation,
      node,
      server: server === undefined ? undefined : `${server.product} ${server.version}`.trim(),
      lastError: this.#lastError,
    }
  }

  /** Closes for good. Frames written before are flushed first. */
  async close(): Promise<void> {
    this.#stop.abort()
    clearTimeout(this.#expiry)
    const open = [...this.#retiring, ...(this.live === undefined ? [] : [this.live])]
    await Promise.all(open.map(({ model }) => closeModel(model)))
    await this.#rotation?.catch(() => {})
    await this.#loop
  }

  #state(): ConnectionHealth['state'] {
    if (this.#stop.signal.aborted) return 'closed'
    if (this.#loop === undefined) return 'idle'
    if (this.live === undefined) return 'connecting'
    return this.#blocked === undefined ? 'up' : 'blocked'
  }

  async #run(): Promise<void> {
    const { purpose, reporter } = this.#options
    let failures = 0
    while (!this.#stop.signal.aborted) {
      let error: unknown
      try {
        const opened = await this.#open()
        if (this.#stop.signal.aborted) return await closeModel(opened.model)
        failures = 0
        this.#down = Promise.withResolvers()
        this.#adopt(opened)
        error = await this.#down.promise
      } catch (caught) {
        error = caught
      }
      if (this.#stop.signal.aborted) return
      this.#endpoints.advance()
      this.#lastError = errorText(error)
      const retryInMs = backoffMs(failures, RECONNECT)
      failures += 1
      reporter.emit({ type: 'connection.down', purpose, error, retryInMs })
      await pause(retryInMs, this.#stop.signal)
    }
  }

  async #open(): Promise<OpenedConnection> {
    const { broker, source, purpose } = this.#options
    return await openConnection({
      url: this.#endpoints.current,
      broker,
      connectTimeoutMs: broker.connectTimeoutMs ?? 5_000,
      source,
      purpose,
    })
  }

  /** Makes it the connection that is used; the one before it, if any, is its caller's to retire. */
  #adopt({ model, node, server, lost, validForMs }: OpenedConnection): void {
    const { purpose, reporter } = this.#options
    this.#generation += 1
    const retire = new AbortController()
    const generation = this.#generation
    const live = { model, generation, node, server, retired: retire.signal }
    this.#setBlocked(undefined)
    model.on('blocked', (reason) => this.live === live && this.#setBlocked(reason))
    model.on('unblocked', () => this.live === live && this.#setBlocked(undefined))
    this.#held = { live, lost, retire }
    this.#lastError = undefined
    void lost.then((reason) => this.#lost(live, reason))
    this.#expireIn(validForMs)
    reporter.emit({ type: 'connection.up', purpose, generation, node, server: server.version })
    for (const listener of this.#upListeners) listener(live)
  }

  #lost(live: LiveConnection, reason: unknown): void {
    if (this.live !== live) return
    this.#held = undefined
    clearTimeout(this.#expiry)
    this.#setBlocked(undefined)
    this.#down.resolve(reason)
  }

  async #rotate(drainMs: number, connectMs: number): Promise<void> {
    // One that is being made may have asked for its credentials too early: it is replaced as well.
    const wanted = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(connectMs)])
    await this.waitUp(wanted)
    const before = this.#held
    if (before === undefined) {
      throw new BrokerUnavailableError(`There was no connection to the broker in ${connectMs} ms`)
    }
    const opened = await this.#open()
    // Lost meanwhile: whoever reconnects asks for the credentials anyway.
    if (this.#held !== before || this.#stop.signal.aborted) return await closeModel(opened.model)
    this.#retiring.add(before.live)
    this.#adopt(opened)
    before.retire.abort()
    await this.#whenUnused(before, drainMs)
    await closeModel(before.live.model)
    this.#retiring.delete(before.live)
  }

  async #whenUnused({ live, lost }: Held, drainMs: number): Promise<void> {
    const deadline = performance.now() + drainMs
    const over = new AbortController()
    void lost.then(() => over.abort())
    const signal = AbortSignal.any([this.#stop.signal, over.signal])
    while (!signal.aborted && performance.now() < deadline && !isUnused(live.model)) {
      await pause(LOOK_EVERY_MS, signal)
    }
  }

  /** Replaces the credentials before they are out of date; what is open then would be closed. */
  #expireIn(validForMs: number | undefined): void {
    clearTimeout(this.#expiry)
    if (validForMs === undefined) return
    this.#rotateIn(Math.max(1, validForMs * ROTATE_AT), 0)
  }

  #rotateIn(ms: number, failures: number): void {
    const { purpose, reporter } = this.#options
    this.#expiry = setTimeout(
      () => {
        this.rotate(DRAIN_MS, CONNECT_MS).catch((error: unknown) => {
          if (this.#stop.signal.aborted) return
          const retryInMs = backoffMs(failures, ROTATE_AGAIN)
          reporter.emit({ type: 'connection.rotation-failed', purpose, error, retryInMs })
          this.#rotateIn(retryInMs, failures + 1)
        })
      },
      Math.min(ms, LONGEST_TIMER_MS),
    ).unref()
  }

  #setBlocked(reason: string | undefined): void {
    if (this.#blocked === reason) return
    this.#blocked = reason
    this.#options.reporter.emit(
      reason === undefined
        ? { type: 'connection.unblocked' }
        : { type: 'connection.blocked', reason },
    )
    for (const listener of this.#blockedListeners) listener(reason)
  }
}

/** How long messages in hand may keep a replaced connection open. */
export const DRAIN_MS = 60_000
/** How long a rotation waits for a connection to replace. */
export const CONNECT_MS = 30_000
