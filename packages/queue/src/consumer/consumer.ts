import type { ConsumeMessage } from 'amqplib'
import { backoffMs, pause } from '../backoff.ts'
import type { BrokerConnection, LiveConnection } from '../broker/connection.ts'
import { closeChannel, openChannel } from '../broker/topology.ts'
import { QueueError } from '../errors.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { ConsumerCounts, ConsumerHealth, ConsumerState, DrainResult } from '../types.ts'
import { attemptDelivery } from './attempt.ts'
import type { AttemptContext } from './attempt.ts'
import { ChannelGeneration, Delivery } from './delivery.ts'
import { settle, withdrawOwed } from './settle.ts'
import type { SettleContext, Settlement } from './settle.ts'

/** Everything a running consumer is made of. */
export interface ConsumerParts<DB> {
  readonly name: string
  readonly queue: string
  readonly concurrency: number
  readonly prefetch: number
  readonly deadlineMs: number
  readonly connection: BrokerConnection
  readonly reporter: Reporter
  readonly attempt: AttemptContext<DB>
  readonly settle: Omit<SettleContext, 'stopping' | 'onTrouble' | 'owedWithdrawals'>
  /** Declares the consumer's queues on this connection. */
  readonly declare: (live: LiveConnection) => Promise<void>
  /** Called after a commit that wrote outbox rows. */
  readonly onPublished: () => void
  /** Whether the database answers; rejects while it doesn't. */
  readonly checkDatabase: () => Promise<void>
}

interface Subscription {
  readonly generation: ChannelGeneration
  consuming: boolean
  tag: string | undefined
  /** Resolves with why the subscription is over. */
  readonly ended: Promise<{ reason: 'cancelled' | 'channel'; error?: unknown }>
  readonly end: (reason: 'cancelled' | 'channel', error?: unknown) => void
}

const RESUBSCRIBE = { baseMs: 100, maxMs: 10_000 }
const DATABASE_CHECK = { baseMs: 100, maxMs: 2_000 }
/** A subscription that lived this long was fine; the next loss starts from the shortest wait. */
const HEALTHY_AFTER_MS = 5_000
const ROLLBACK_MS = 500

/** Subscribes, runs handlers, settles; comes back after every loss until it is drained. */
export class RunningConsumer<DB> {
  readonly #parts: ConsumerParts<DB>
  readonly #settle: SettleContext
  readonly #stop = new AbortController()
  readonly #buffer: Delivery[] = []
  readonly #working = new Map<Delivery, AbortController>()
  readonly #counts: Record<Settlement, number> & { delivered: number }
  #state: ConsumerState = 'idle'
  #lastError: string | undefined
  #subscription: Subscription | undefined
  #pausing: Promise<void> | undefined
  #loop: Promise<void> | undefined
  #idle: (() => void) | undefined
  #troubles = 0
  #resumedAt = Number.NEGATIVE_INFINITY

  constructor(parts: ConsumerParts<DB>) {
    this.#parts = parts
    this.#settle = {
      ...parts.settle,
      stopping: this.#stop.signal,
      owedWithdrawals: new Set(),
      onTrouble: (error) => this.#pause(error),
    }
    this.#counts = {
      delivered: 0,
      committed: 0,
      duplicate: 0,
      retried: 0,
      parked: 0,
      released: 0,
      abandoned: 0,
    }
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  health(): ConsumerHealth {
    const inFlight = this.#buffer.length + this.#working.size
    const counts: ConsumerCounts = { ...this.#counts, inFlight }
    const { name, queue } = this.#parts
    return { name, queue, state: this.#state, counts, lastError: this.#lastError }
  }

  /** Cancels, gives back what has not begun, waits for the rest until the deadline. */
  async drain(deadlineMs: number): Promise<DrainResult> {
    if (this.#state === 'stopped') return { finished: 0, released: 0, abandoned: 0 }
    this.#state = 'draining'
    const deadline = AbortSignal.timeout(Math.max(1, deadlineMs))
    const before = { ...this.#counts }
    this.#stop.abort()
    await this.#cancel(deadline)
    this.#releaseBuffered()
    await this.#whenIdle(deadline)
    const abandoned = this.#working.size
    const closed = new QueueError('The consumer is closing and this handler ran out of time', {
      code: 'QUEUE_CLOSED',
      retryable: true,
    })
    for (const controller of this.#working.values()) controller.abort(closed)
    // They need a moment to roll back and to give their messages back.
    if (abandoned > 0) await this.#whenIdle(AbortSignal.timeout(ROLLBACK_MS))
    await this.#closeChannel()
    await Promise.race([this.#loop, aborted(deadline)])
    this.#state = 'stopped'
    const released = this.#counts.released - before.released
    const settled = (counts: typeof before): number =>
      counts.committed + counts.duplicate + counts.retried + counts.parked
    return { finished: settled(this.#counts) - settled(before), released, abandoned }
  }

  async #run(): Promise<void> {
    const { connection, reporter, name } = this.#parts
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      this.#state = 'connecting'
      const live = await connection.waitUp(signal)
      if (live === undefined || signal.aborted) return
      const startedAt = performance.now()
      try {
        const subscription = await this.#subscribe(live)
        const { reason, error } = await subscription.ended
        this.#loseSubscription(subscription)
        if (signal.aborted) return
        this.#lastError = errorText(error ?? reason)
        const interrupted = connection.live === live ? reason : 'connection'
        reporter.emit({ type: 'consumer.interrupted', consumer: name, reason: interrupted, error })
      } catch (error) {
        if (signal.aborted) return
        this.#lastError = errorText(error)
        reporter.emit({ type: 'consumer.interrupted', consumer: name, reason: 'channel', error })
      }
      failures = performance.now() - startedAt > HEALTHY_AFTER_MS ? 0 : failures + 1
      await pause(backoffMs(failures, RESUBSCRIBE), signal)
    }
  }

  async #subscribe(live: LiveConnection): Promise<Subscription> {
    await this.#parts.declare(live)
    const channel = await openChannel(live.model)
    const { promise, resolve } = Promise.withResolvers<Awaited<Subscription['ended']>>()
    const subscription: Subscription = {
      generation: new ChannelGeneration(channel),
      consuming: false,
      tag: undefined,
      ended: promise,
      end: (reason, error) => {
        subscription.generation.kill()
        resolve({ reason, error })
      },
    }
    let closeError: unknown
    channel.on('error', (error) => (closeError = error))
    channel.on('close', () => subscription.end('channel', closeError))
    await channel.prefetch(this.#parts.prefetch)
    this.#subscription = subscription
    // A drain that began meanwhile found no channel to close.
    if (this.#stop.signal.aborted) await this.#closeChannel()
    else if (this.#pausing === undefined) await this.#consume(subscription)
    return subscription
  }

  async #consume(subscription: Subscription): Promise<void> {
    if (subscription.consuming) return
    subscription.consuming = true
    const { channel } = subscription.generation
    const { consumerTag } = await channel.consume(this.#parts.queue, (message) =>
      this.#received(subscription, message),
    )
    subscription.tag = consumerTag
    if (this.#stop.signal.aborted) return
    this.#state = 'running'
    this.#lastError = undefined
    this.#parts.reporter.emit({ type: 'consumer.running', consumer: this.#parts.name })
  }

  /** `null` is the broker cancelling us: the queue was deleted, or its node went away. */
  #received(subscription: Subscription, message: ConsumeMessage | null): void {
    if (message === null) {
      subscription.end('cancelled')
      return
    }
    this.#counts.delivered += 1
    const delivery = new Delivery(message, subscription.generation)
    if (this.#stop.signal.aborted || this.#pausing !== undefined) this.#release(delivery)
    else {
      this.#buffer.push(delivery)
      this.#pump()
    }
  }

  #pump(): void {
    while (this.#working.size < this.#parts.concurrency) {
      const delivery = this.#buffer.shift()
      if (delivery === undefined) return
      void this.#work(delivery)
    }
  }

  async #work(delivery: Delivery): Promise<void> {
    const controller = new AbortController()
    this.#working.set(delivery, controller)
    const timer = setTimeout(() => controller.abort(tooLate(this.#parts)), this.#parts.deadlineMs)
    const startedAt = performance.now()
    let settlement: Settlement = 'abandoned'
    try {
      const attempt = await attemptDelivery(this.#parts.attempt, delivery, controller.signal)
      clearTimeout(timer)
      settlement = await settle(this.#settle, delivery, attempt)
      if (attempt.verdict.kind === 'committed') {
        if (attempt.verdict.published) this.#parts.onPublished()
        this.#parts.reporter.emit({
          type: 'message.committed',
          consumer: this.#parts.name,
          messageId: attempt.messageId ?? '',
          messageType: attempt.messageType,
          attempt: attempt.attempt,
          durationMs: performance.now() - startedAt,
        })
      }
    } catch (error) {
      // Neither part throws; if one does, the message must not stay in hand for ever.
      this.#lastError = errorText(error)
      delivery.releaseUnlessSettled()
    } finally {
      clearTimeout(timer)
      this.#counts[settlement] += 1
      this.#working.delete(delivery)
      if (this.#working.size === 0) this.#idle?.()
      this.#pump()
    }
  }

  /** The database is away: take nothing, give everything back once, and wait for it to return. */
  async #pause(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return
    if (this.#pausing === undefined) {
      this.#state = 'paused'
      this.#lastError = errorText(error)
      this.#parts.reporter.emit({ type: 'consumer.paused', consumer: this.#parts.name, error })
      const cancelled = this.#cancel(this.#stop.signal)
      this.#pausing = cancelled
        .then(() => this.#waitForDatabase())
        .finally(() => (this.#pausing = undefined))
        .then(() => this.#resume())
      await cancelled
      this.#releaseBuffered()
    }
  }

  async #waitForDatabase(): Promise<void> {
    const { signal } = this.#stop
    // Trouble right after the last resumption: the check passed but the work did not.
    if (performance.now() - this.#resumedAt > HEALTHY_AFTER_MS) this.#troubles = 0
    for (; !signal.aborted; this.#troubles += 1) {
      await pause(backoffMs(this.#troubles, DATABASE_CHECK), signal)
      try {
        await this.#parts.checkDatabase()
        await withdrawOwed(this.#settle)
        this.#troubles += 1
        this.#resumedAt = performance.now()
        return
      } catch (error) {
        this.#lastError = errorText(error)
      }
    }
  }

  async #resume(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#parts.reporter.emit({ type: 'consumer.resumed', consumer: this.#parts.name })
    const subscription = this.#subscription
    if (subscription === undefined || !subscription.generation.alive) return
    try {
      await this.#consume(subscription)
    } catch (error) {
      subscription.end('channel', error)
    }
  }

  async #cancel(signal: AbortSignal): Promise<void> {
    const subscription = this.#subscription
    if (subscription?.tag === undefined || !subscription.generation.alive) return
    const { tag } = subscription
    subscription.tag = undefined
    subscription.consuming = false
    const cancelled = subscription.generation.channel.cancel(tag).then(
      () => {},
      () => {},
    )
    await Promise.race([cancelled, subscription.ended, aborted(signal)])
  }

  #loseSubscription(subscription: Subscription): void {
    if (this.#state === 'running') this.#state = 'connecting'
    void closeChannel(subscription.generation.channel)
    if (this.#subscription === subscription) this.#subscription = undefined
    const lost = new QueueError('The channel that delivered this message is gone', {
      code: 'QUEUE_DELIVERY_LOST',
      retryable: true,
    })
    for (const [delivery, controller] of this.#working) {
      if (delivery.generation === subscription.generation) controller.abort(lost)
    }
    // Of no use: they can't be settled and will be delivered again.
    this.#releaseBuffered()
  }

  #releaseBuffered(): void {
    for (const delivery of this.#buffer.splice(0)) this.#release(delivery)
  }

  #release(delivery: Delivery): void {
    this.#counts[delivery.release() ? 'released' : 'abandoned'] += 1
  }

  async #whenIdle(deadline: AbortSignal): Promise<void> {
    if (this.#working.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    await Promise.race([idle, aborted(deadline)])
  }

  /** Closing is answered after everything written before it, so the last acks have arrived. */
  async #closeChannel(): Promise<void> {
    const subscription = this.#subscription
    if (subscription === undefined) return
    await closeChannel(subscription.generation.channel)
    subscription.end('channel')
  }
}

function tooLate(parts: { readonly name: string; readonly deadlineMs: number }): QueueError {
  return new QueueError(`A handler of "${parts.name}" took longer than ${parts.deadlineMs} ms`, {
    code: 'QUEUE_HANDLER_DEADLINE',
    retryable: true,
  })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
