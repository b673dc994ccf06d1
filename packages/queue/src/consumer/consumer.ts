import { aborted, backoffMs, pause } from '../backoff.ts'
import type { BrokerConnection, LiveConnection } from '../broker/connection.ts'
import { QueueError } from '../errors.ts'
import type { LoopWatch } from '../loop-watch.ts'
import { errorText } from '../reporter.ts'
import type { ConsumerCounts, ConsumerHealth, ConsumerState, DrainResult } from '../types.ts'
import type { Delivery } from './delivery.ts'
import { KeyOrder } from './key-order.ts'
import { ObservedRunner } from './observed-runner.ts'
import { ArrivalOrder } from './order.ts'
import { BatchRunner } from './run-batch.ts'
import { DeliveryRunner } from './run-delivery.ts'
import type { RunContext } from './run-delivery.ts'
import { Scheduler } from './scheduler.ts'
import { NO_SETTLEMENTS, withdrawOwed } from './settle.ts'
import type { SettleContext, Settlement } from './settle.ts'
import { Subscription } from './subscription.ts'
import type { SubscriptionEnd } from './subscription.ts'
import type { UnitRunner } from './unit.ts'
import { whenQuiet } from './when-quiet.ts'

/** Everything a running consumer is made of. */
export interface ConsumerParts<DB> extends Omit<RunContext<DB>, 'settle' | 'onDefect'> {
  readonly queue: string
  readonly concurrency: number
  readonly prefetch: number
  readonly order: 'key' | 'none'
  readonly batch: UnitRunner['batch']
  readonly connection: BrokerConnection
  readonly loop: LoopWatch
  readonly settle: Omit<SettleContext, 'stopping' | 'onTrouble' | 'owedWithdrawals' | 'retryInHand'>
  /** Declares the consumer's queues on this connection. */
  readonly declare: (live: LiveConnection) => Promise<void>
  /** Whether the database answers; rejects while it doesn't. */
  readonly checkDatabase: () => Promise<void>
}

const RESUBSCRIBE = { baseMs: 100, maxMs: 10_000 }
const DATABASE_CHECK = { baseMs: 100, maxMs: 2_000 }
/** A subscription that lived this long was fine; the next loss starts from the shortest wait. */
const HEALTHY_AFTER_MS = 5_000
const ROLLBACK_MS = 500

/**
 * Subscribes and hands what is delivered to its scheduler, pauses while the database is away, comes
 * back after every loss, until it is drained.
 */
export class RunningConsumer<DB> {
  readonly #parts: ConsumerParts<DB>
  readonly #settle: SettleContext
  readonly #scheduler: Scheduler
  readonly #lanes: KeyOrder | undefined
  readonly #stop = new AbortController()
  readonly #counts: Record<Settlement, number> & { delivered: number }
  #state: ConsumerState = 'idle'
  #lastError: string | undefined
  #subscription: Subscription | undefined
  /** Replaced, and not closed yet. */
  readonly #formers = new Set<Subscription>()
  /** Subscriptions in a row that were replaced for bringing nothing, and had brought nothing at all. */
  #inVain = 0
  #pausing: Promise<void> | undefined
  /** By an operator, until he resumes it: resolves when nothing is in hand any more. */
  #holding: Promise<void> | undefined
  #loop: Promise<void> | undefined
  #troubles = 0
  #resumedAt = Number.NEGATIVE_INFINITY

  constructor(parts: ConsumerParts<DB>) {
    this.#parts = parts
    this.#settle = {
      ...parts.settle,
      stopping: this.#stop.signal,
      retryInHand: parts.order === 'key',
      owedWithdrawals: new Set(),
      onTrouble: (error) => this.#pause(error),
    }
    const context: RunContext<DB> = {
      ...parts,
      settle: this.#settle,
      onDefect: (error) => (this.#lastError = errorText(error)),
    }
    const { batch } = parts
    const runner = batch ? new BatchRunner(batch, context) : new DeliveryRunner(context)
    this.#lanes = parts.order === 'key' ? new KeyOrder(parts.prefetch) : undefined
    this.#scheduler = new Scheduler({
      concurrency: parts.concurrency,
      order: this.#lanes ?? new ArrivalOrder(),
      runner: new ObservedRunner(runner, parts),
      onSettled: (settlement) => (this.#counts[settlement] += 1),
    })
    this.#counts = { delivered: 0, ...NO_SETTLEMENTS }
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  health(): ConsumerHealth {
    const counts: ConsumerCounts = { ...this.#counts, inFlight: this.#scheduler.inFlight }
    const { name, queue } = this.#parts
    const lanes = this.#lanes?.health()
    return { name, queue, state: this.#state, counts, lanes, lastError: this.#lastError }
  }

  /**
   * Cancels, gives back what has not begun, waits for the rest until the deadline. Ordered by key it
   * does not cancel: that would make another process the active consumer, which would then work on
   * the successors of what is still in hand here. So it closes the channel once its work is done.
   */
  async drain(deadlineMs: number): Promise<DrainResult> {
    if (this.#state === 'stopped') return { finished: 0, released: 0, abandoned: 0 }
    this.#state = 'draining'
    const deadline = AbortSignal.timeout(Math.max(1, deadlineMs))
    const before = { ...this.#counts }
    this.#stop.abort()
    this.#scheduler.stop()
    if (this.#lanes === undefined) {
      await this.#subscription?.cancel(deadline)
      this.#scheduler.releaseBuffered()
    }
    await this.#scheduler.whenIdle(deadline)
    const abandoned = this.#scheduler.working
    const closed = new QueueError('The consumer is closing and this handler ran out of time', {
      code: 'QUEUE_CLOSED',
      retryable: true,
    })
    this.#scheduler.abort(closed)
    // They need a moment to roll back and to give their messages back.
    if (abandoned > 0) await this.#scheduler.whenIdle(AbortSignal.timeout(ROLLBACK_MS))
    this.#scheduler.releaseBuffered()
    const subscriptions = [...this.#formers, this.#subscription]
    await Promise.all(subscriptions.map(async (former) => await former?.close()))
    await Promise.race([this.#loop, aborted(deadline)])
    this.#state = 'stopped'
    const released = this.#counts.released - before.released
    const settled = (counts: typeof before): number =>
      counts.committed + counts.duplicate + counts.retried + counts.parked
    return { finished: settled(this.#counts) - settled(before), released, abandoned }
  }

  /**
   * Takes no more until {@link resume}; resolves when what is at work is finished and the rest given
   * back. Ordered by key it closes the channel, for the reason {@link drain} has.
   */
  pause(): Promise<void> {
    if (this.#holding !== undefined) return this.#holding
    if (this.#stop.signal.aborted) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#holding = promise
    this.#hold().then(resolve, reject)
    return promise
  }

  async #hold(): Promise<void> {
    const { signal } = this.#stop
    this.#state = 'paused'
    const { reporter, name } = this.#parts
    reporter.emit({ type: 'consumer.paused', consumer: name, error: undefined })
    this.#scheduler.stop()
    if (this.#lanes === undefined) await this.#subscription?.cancel(signal)
    await this.#scheduler.whenIdle(signal)
    if (signal.aborted) return
    this.#scheduler.releaseBuffered()
    if (this.#lanes !== undefined) await this.#subscription?.close('given-back')
    this.#scheduler.start()
  }

  /** Takes messages again. */
  async resume(): Promise<void> {
    if (this.#holding === undefined) return
    this.#holding = undefined
    await this.#resume()
  }

  get #wanted(): boolean {
    return this.#pausing === undefined && this.#holding === undefined
  }

  async #run(): Promise<void> {
    const { connection, reporter, name } = this.#parts
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      const moving = this.#subscription !== undefined
      if (this.#wanted && !moving) this.#state = 'connecting'
      const live = await connection.waitUp(signal)
      if (live === undefined || signal.aborted) return
      const startedAt = performance.now()
      try {
        const subscription = await this.#subscribe(live)
        const end = await this.#watch(subscription, live)
        // The loop moves over to another subscription while this one still works.
        if (end === undefined) continue
        const { reason, error } = end
        this.#forget(subscription)
        if (signal.aborted) return
        if (reason !== 'given-back') {
          this.#lastError = errorText(error ?? reason)
          const lost = connection.live === live ? reason : 'connection'
          reporter.emit({ type: 'consumer.interrupted', consumer: name, reason: lost, error })
        }
      } catch (error) {
        if (signal.aborted) return
        const former = this.#subscription
        if (former?.generation.alive === false) this.#forget(former)
        this.#lastError = errorText(error)
        reporter.emit({ type: 'consumer.interrupted', consumer: name, reason: 'channel', error })
      }
      failures = performance.now() - startedAt > HEALTHY_AFTER_MS ? 0 : failures + 1
      await pause(backoffMs(failures, RESUBSCRIBE), signal)
    }
  }

  /**
   * Resolves with how it ended; without that when another is to take its place: there is a new
   * connection, or too long nothing came.
   */
  async #watch(
    subscription: Subscription,
    live: LiveConnection,
  ): Promise<SubscriptionEnd | undefined> {
    const over = new AbortController()
    const signal = AbortSignal.any([live.retired, over.signal])
    const quiet = whenQuiet(subscription, live, signal, this.#inVain).then(() => undefined)
    try {
      const end = await Promise.race([subscription.ended, quiet])
      const isVain = end === undefined && !signal.aborted && subscription.received === 0
      this.#inVain = isVain ? this.#inVain + 1 : 0
      return end
    } finally {
      over.abort()
    }
  }

  async #subscribe(live: LiveConnection): Promise<Subscription> {
    const { queue, prefetch } = this.#parts
    if (this.#subscription?.live !== live) await this.#parts.declare(live)
    const subscription = await Subscription.open(live, {
      queue,
      prefetch,
      ordered: this.#lanes !== undefined,
      onDelivery: (delivery) => this.#received(delivery),
      onEnd: (ended) => this.#loseSubscription(ended),
    })
    const former = this.#subscription
    if (former !== undefined) await this.#replace(former)
    this.#subscription = subscription
    // A drain that began meanwhile found no channel to close.
    if (this.#stop.signal.aborted) await subscription.close()
    else if (this.#wanted) await this.#consume(subscription)
    return subscription
  }

  /**
   * Ends a subscription in whose place another is about to consume. Not side by side: the broker would
   * deal out the messages of a key in turns to two channels, whose order nobody knows. What this one
   * delivered is worked on meanwhile, and settled on its own channel. Ordered by key that would not
   * do, as in a drain: what is at work is finished first, and the rest given back.
   */
  async #replace(former: Subscription): Promise<void> {
    if (this.#lanes !== undefined) {
      this.#scheduler.stop()
      const gone = former.ended.then(() => {})
      await Promise.race([this.#scheduler.whenIdle(this.#stop.signal), gone])
      if (this.#stop.signal.aborted) return
      this.#scheduler.releaseBuffered()
      await former.close('given-back')
      this.#scheduler.start()
      return
    }
    this.#formers.add(former)
    void former.ended.then(() => this.#formers.delete(former))
    await former.retire(this.#stop.signal)
    // It gives up when a drain begins, which closes what is left.
    void former.finish(this.#stop.signal)
  }

  async #consume(subscription: Subscription): Promise<void> {
    if (!(await subscription.consume()) || this.#stop.signal.aborted || !this.#wanted) return
    this.#lastError = undefined
    if (this.#state === 'running') return
    this.#state = 'running'
    this.#parts.reporter.emit({ type: 'consumer.running', consumer: this.#parts.name })
  }

  #received(delivery: Delivery): void {
    this.#counts.delivered += 1
    const ending = this.#stop.signal.aborted || this.#holding !== undefined
    const unwanted = ending && this.#lanes === undefined
    if (unwanted || this.#pausing !== undefined) {
      this.#counts[delivery.release() ? 'released' : 'abandoned'] += 1
    } else this.#scheduler.add(delivery)
  }

  /** The database is away: take nothing, give everything back once, and wait for it to return. */
  async #pause(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return
    if (this.#pausing === undefined) {
      this.#state = 'paused'
      this.#lastError = errorText(error)
      this.#parts.reporter.emit({ type: 'consumer.paused', consumer: this.#parts.name, error })
      const cancelled = this.#takeNoMore()
      this.#pausing = cancelled
        .then(() => this.#waitForDatabase())
        .finally(() => (this.#pausing = undefined))
        .then(() => this.#resume())
      await cancelled
      this.#scheduler.releaseBuffered()
    }
  }

  async #takeNoMore(): Promise<void> {
    if (this.#lanes === undefined) await this.#subscription?.cancel(this.#stop.signal)
    else await this.#subscription?.close('given-back')
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
    if (this.#stop.signal.aborted || !this.#wanted) return
    this.#parts.reporter.emit({ type: 'consumer.resumed', consumer: this.#parts.name })
    const subscription = this.#subscription
    if (subscription === undefined || !subscription.generation.alive) return
    try {
      await this.#consume(subscription)
    } catch (error) {
      subscription.end('channel', error)
    }
  }

  /** Must not wait for anything: until its lanes are cleared, a successor could overtake. */
  #loseSubscription(subscription: Subscription): void {
    void subscription.close()
    this.#forget(subscription)
    const lost = new QueueError('The channel that delivered this message is gone', {
      code: 'QUEUE_DELIVERY_LOST',
      retryable: true,
    })
    this.#scheduler.abort(lost, subscription.generation)
    // Of no use: they can't be settled and will be delivered again.
    this.#scheduler.releaseBuffered(subscription.generation)
  }

  #forget(subscription: Subscription): void {
    if (this.#subscription !== subscription) return
    this.#subscription = undefined
    if (this.#state === 'running') this.#state = 'connecting'
  }
}
