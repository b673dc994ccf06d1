import type { ConfirmChannel, Message } from 'amqplib'
import { backoffMs, pause } from '../backoff.ts'
import type { Outgoing } from '../envelope.ts'
import { BlockedError, ConfirmTimeoutError, QueueError, UnroutableError } from '../errors.ts'
import type { Reporter } from '../reporter.ts'
import type { BrokerConnection, LiveConnection } from './connection.ts'
import { refusal, refusedLocally, unavailable } from './publish-errors.ts'
import type { Target } from './publish-errors.ts'
import { gatherWrites } from './gather-writes.ts'
import { closeChannel, openConfirmChannel } from './topology.ts'

/** Called once, when the fate of a message is known; an error is a {@link QueueError}. */
type End = (error?: QueueError) => void

/** A published message waiting for its confirm. */
interface Pending {
  readonly target: Target
  readonly channel: ConfirmChannel
  /** How many confirms had come when it was handed over. */
  readonly confirmsBefore: number
  /** Set when the broker sent the message back; its confirm follows. */
  returned: string | undefined
  readonly settle: End
}

interface PublisherOptions {
  readonly connection: BrokerConnection
  readonly source: string
  readonly confirmTimeoutMs: number
  readonly reporter: Reporter
  /** Declares what this bus needs, on every new connection, before anything is published on it. */
  readonly prepare: (live: LiveConnection) => Promise<void>
}

const REOPEN = { baseMs: 50, maxMs: 5_000 }
/** Enough to keep the broker's confirm batches full; beyond it callers wait their turn. */
const MAX_IN_FLIGHT = 5_000
/** amqplib remembers each until it is answered or its channel is closed. */
const GIVEN_UP_MAX = 5_000
/** A channel that waits for a queue without a leader is not closed before there is one. */
const LEAVING_MAX = 16
/** In confirm timeouts without a try. */
const STALE_AFTER = 3
const LOOK_EVERY_MS = 20

/**
 * Publishes with `mandatory` and confirms. A promise that resolves means: in a queue, on disk.
 *
 * The broker *confirms* what it could not route, right after it sent it back, so a return is
 * remembered by message id and turns the confirm into a rejection.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #pending = new Set<Pending>()
  readonly #byMessageId = new Map<string, Pending[]>()
  readonly #waiting = new Set<() => void>()
  readonly #stop = new AbortController()
  #channel: ConfirmChannel | undefined
  #confirms = 0
  #stalledAt: number | undefined
  /** Messages on the channel whose time ran out. */
  #givenUp = 0
  #replace: (() => void) | undefined
  /** Channels that were replaced and that the broker has not closed yet. */
  readonly #leaving = new Set<ConfirmChannel>()

  constructor(options: PublisherOptions) {
    this.#options = options
    options.connection.onUp((live) => void this.#keepOpen(live))
    options.connection.onBlockedChange((reason) => this.#blockedChanged(reason))
  }

  /** A channel is open and the broker takes messages. */
  get ready(): boolean {
    const { live, blocked } = this.#options.connection
    return this.#channel !== undefined && live !== undefined && blocked === undefined
  }

  /**
   * The broker takes messages and confirms none. Over with the next confirm, or when nothing was tried
   * for so long that the answer is out of date: who takes this process out of service while it stalls
   * might never publish the message that would end it.
   */
  get stalled(): boolean {
    if (this.#stalledAt === undefined) return false
    if (this.#pending.size > 0) return true
    const sinceMs = performance.now() - this.#stalledAt
    return sinceMs < STALE_AFTER * this.#options.confirmTimeoutMs
  }

  /** Waits until {@link ready}, or until the signal aborts. */
  async waitReady(signal: AbortSignal): Promise<boolean> {
    this.#options.connection.start()
    while (!this.ready && !signal.aborted) await this.#changed(signal)
    return this.ready
  }

  /**
   * Resolves when the broker has confirmed. Every rejection is a {@link QueueError}; those with
   * the codes `CONFIRM_TIMEOUT`, `CONFIRM_LOST` and `BLOCKED` (if handed over) leave open whether the
   * broker has the message.
   */
  async publish(outgoing: Outgoing): Promise<void> {
    const { confirmTimeoutMs, connection } = this.#options
    if (this.#stop.signal.aborted) {
      throw new QueueError('The bus is closed', { code: 'QUEUE_CLOSED', retryable: false })
    }
    const startedAt = performance.now()
    for (;;) {
      if (connection.blocked !== undefined) {
        throw new BlockedError(outgoing.messageId, connection.blocked, false)
      }
      const channel = this.#channel
      if (channel !== undefined && this.#pending.size < MAX_IN_FLIGHT) {
        const usedMs = performance.now() - startedAt
        const leftMs = Math.max(1, confirmTimeoutMs - usedMs)
        if (await this.#send(channel, outgoing, leftMs)) return
        continue
      }
      const leftMs = confirmTimeoutMs - (performance.now() - startedAt)
      if (leftMs <= 0) {
        this.#stallGoesOn()
        throw unavailable(outgoing, connection)
      }
      connection.start()
      const late = AbortSignal.timeout(Math.ceil(leftMs))
      await this.#changed(AbortSignal.any([this.#stop.signal, late]))
      if (this.#stop.signal.aborted) throw unavailable(outgoing, connection)
    }
  }

  /** Lets go of the channel; what is unconfirmed rejects. The connection is closed by its owner. */
  async close(): Promise<void> {
    this.#stop.abort()
    const channel = this.#channel
    this.#channel = undefined
    if (channel !== undefined) await closeChannel(channel)
    this.#notify()
  }

  /**
   * As {@link publish}, but now or never: `false` when there is no channel to write to at this moment, and
   * then nothing was written and `end` is not called. It may be called before this returns.
   */
  offer(outgoing: Outgoing, end: End): boolean {
    const { confirmTimeoutMs, connection } = this.#options
    const channel = this.#channel
    if (channel === undefined || connection.blocked !== undefined) return false
    if (this.#stop.signal.aborted || this.#pending.size >= MAX_IN_FLIGHT) return false
    return this.#handOver(channel, outgoing, confirmTimeoutMs, end)
  }

  /** `false` when nothing was written, because the channel is closed. */
  async #send(channel: ConfirmChannel, outgoing: Outgoing, timeoutMs: number): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const end = (error?: QueueError): void => (error === undefined ? resolve() : reject(error))
    if (!this.#handOver(channel, outgoing, timeoutMs, end)) return false
    await promise
    return true
  }

  #handOver(channel: ConfirmChannel, outgoing: Outgoing, timeoutMs: number, end: End): boolean {
    const { messageId, exchange, routingKey, body } = outgoing
    let ending: End | undefined = end
    const pending = this.#expect(
      { messageId, exchange, routingKey },
      channel,
      timeoutMs,
      (error) => {
        ending?.(error)
        // amqplib may keep us for ever; what the caller keeps is not ours to hold.
        ending = undefined
      },
    )
    const options = publishOptions(outgoing, this.#options.source)
    gatherWrites(channel)
    try {
      channel.publish(exchange, routingKey, body, options, this.#onAnswer(pending))
    } catch (error) {
      const isClosed = (error as Error).name === 'IllegalOperationError'
      if (isClosed) ending = undefined
      pending.settle(refusedLocally(outgoing, error))
      if (isClosed) this.#drop(channel)
      return !isClosed
    }
    return true
  }

  /** A channel that was closed in the same read as it was opened has told nobody. */
  #drop(channel: ConfirmChannel): void {
    if (channel !== this.#channel) return
    this.#channel = undefined
    this.#replace?.()
  }

  /** Knows the message without its body. */
  #expect(target: Target, channel: ConfirmChannel, timeoutMs: number, end: End): Pending {
    const timer = setTimeout(() => {
      pending.settle(new ConfirmTimeoutError(target.messageId, this.#options.confirmTimeoutMs))
      if (this.#confirms === pending.confirmsBefore) this.#stall(timeoutMs)
      this.#unanswered(channel)
    }, timeoutMs)
    const pending: Pending = {
      target,
      channel,
      confirmsBefore: this.#confirms,
      returned: undefined,
      settle: (error) => {
        if (!this.#forget(pending)) return
        clearTimeout(timer)
        end(error)
      },
    }
    this.#remember(pending)
    return pending
  }

  /** amqplib keeps this until the broker answers, which may be never: the body is not within reach. */
  #onAnswer(pending: Pending): (error: Error | null) => void {
    return (error) => this.#answered(pending, error)
  }

  #answered(pending: Pending, error: Error | null): void {
    const { target, channel, returned } = pending
    if (error === null) {
      this.#confirms += 1
      this.#stalledAt = undefined
    } else this.#stallGoesOn()
    if (error === null && returned === undefined) return pending.settle()
    if (error === null) {
      return pending.settle(new UnroutableError(target.exchange, target.routingKey, returned ?? ''))
    }
    const refused = refusal(target, error, closeErrors.get(channel))
    if (refused.code === 'QUEUE_NACKED') this.#askAnew(channel)
    pending.settle(refused)
  }

  /**
   * A channel that a full queue has told to stop refuses for it until the queue says go on, which RabbitMQ
   * forgets when the limit is lifted or raised by little. A new channel asks the queue.
   * https://github.com/rabbitmq/rabbitmq-server/issues/12206
   */
  #askAnew(channel: ConfirmChannel): void {
    if (channel === this.#channel && this.#leaving.size < LEAVING_MAX) this.#replace?.()
  }

  /**
   * Not one confirm in all the time a message was allowed: the node may be in the minority of its
   * cluster, or connected to us and to nobody else. Where there is another node, that is tried.
   */
  #stall(unconfirmedMs: number): void {
    const { connection, reporter } = this.#options
    const { live } = connection
    const begins = this.#stalledAt === undefined
    this.#stalledAt = performance.now()
    if (live === undefined) return
    if (begins) reporter.emit({ type: 'connection.stalled', node: live.node, unconfirmedMs })
    connection.distrust(live, new Error(`${live.node} confirmed nothing in ${unconfirmedMs} ms`))
  }

  /** Tried again without a confirm: a queue that has lost its majority may also refuse. */
  #stallGoesOn(): void {
    if (this.#stalledAt !== undefined) this.#stalledAt = performance.now()
  }

  /** A message was given up. So many on one channel, and what amqplib keeps of them goes with it. */
  #unanswered(channel: ConfirmChannel): void {
    if (channel !== this.#channel) return
    this.#givenUp += 1
    if (this.#givenUp === GIVEN_UP_MAX) this.#replace?.()
  }

  /** Holds one confirm channel open for as long as this connection lives. */
  async #keepOpen(live: LiveConnection): Promise<void> {
    const { connection, prepare } = this.#options
    let failures = 0
    while (!this.#stop.signal.aborted && connection.live === live) {
      const openedAt = performance.now()
      try {
        await prepare(live)
        const channel = await openConfirmChannel(live.model)
        if (this.#stop.signal.aborted) return void (await closeChannel(channel))
        const before = this.#channel
        const closed = this.#adopt(channel)
        if (before !== undefined) void this.#letGo(before)
        await closed
      } catch {
        // The connection is gone or going; its loop reports why and brings the next one.
      }
      failures = performance.now() - openedAt > REOPEN.maxMs ? 0 : failures + 1
      await pause(backoffMs(failures - 1, REOPEN), this.#stop.signal)
    }
  }

  /** A channel that was replaced: closed when each message on it has its answer. */
  async #letGo(channel: ConfirmChannel): Promise<void> {
    this.#leaving.add(channel)
    channel.on('close', () => this.#leaving.delete(channel))
    const waits = (): boolean => [...this.#pending].some((pending) => pending.channel === channel)
    while (waits() && !this.#stop.signal.aborted) await pause(LOOK_EVERY_MS, this.#stop.signal)
    // One that was closed before we listened tells nobody.
    if (await closeChannel(channel)) this.#leaving.delete(channel)
  }

  /** Resolves when there must be another. */
  #adopt(channel: ConfirmChannel): Promise<void> {
    return new Promise((resolve) => {
      channel.on('error', (error) => closeErrors.set(channel, error))
      channel.on('return', (message) => this.#returned(message))
      channel.on('close', () => {
        if (this.#channel === channel) this.#channel = undefined
        resolve()
      })
      this.#channel = channel
      this.#givenUp = 0
      this.#replace = resolve
      this.#notify()
    })
  }

  #returned(message: Message): void {
    const pendings = this.#byMessageId.get(String(message.properties.messageId)) ?? []
    const { exchange, routingKey, replyText } = message.fields as typeof message.fields & {
      replyText?: string
    }
    const match = pendings.find(
      ({ target, returned }) =>
        returned === undefined && target.exchange === exchange && target.routingKey === routingKey,
    )
    if (match !== undefined) match.returned = replyText ?? 'returned'
  }

  /** What is in flight when the broker blocks may stay so for hours: say so instead of waiting. */
  #blockedChanged(reason: string | undefined): void {
    if (reason !== undefined) {
      for (const pending of this.#pending) {
        pending.settle(new BlockedError(pending.target.messageId, reason, true))
      }
    }
    this.#notify()
  }

  #remember(pending: Pending): void {
    const id = pending.target.messageId
    this.#pending.add(pending)
    const same = this.#byMessageId.get(id)
    if (same === undefined) this.#byMessageId.set(id, [pending])
    else same.push(pending)
  }

  #forget(pending: Pending): boolean {
    if (!this.#pending.delete(pending)) return false
    const id = pending.target.messageId
    const left = (this.#byMessageId.get(id) ?? []).filter((other) => other !== pending)
    if (left.length === 0) this.#byMessageId.delete(id)
    else this.#byMessageId.set(id, left)
    if (this.#pending.size === MAX_IN_FLIGHT - 1) this.#notify()
    return true
  }

  async #changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        this.#waiting.delete(finish)
        signal.removeEventListener('abort', finish)
        resolve()
      }
      signal.addEventListener('abort', finish)
      this.#waiting.add(finish)
    })
  }

  #notify(): void {
    for (const finish of this.#waiting) finish()
  }
}

/** Why the broker closed a channel; amqplib tells that and the fate of messages separately. */
const closeErrors = new WeakMap<ConfirmChannel, Error>()

function publishOptions(outgoing: Outgoing, source: string): object {
  return {
    persistent: true,
    mandatory: true,
    contentType: 'application/json',
    messageId: outgoing.messageId,
    type: outgoing.type,
    appId: source,
    headers: outgoing.headers,
    ...outgoing.properties,
  }
}
