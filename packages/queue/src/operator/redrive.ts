import type { ConsumeMessage } from 'amqplib'
import { pause } from '../backoff.ts'
import type { LiveConnection } from '../broker/connection.ts'
import type { Publisher } from '../broker/publisher.ts'
import { forRedrive } from '../consumer/forward.ts'
import { beginAction } from '../postgres/begin-action.ts'
import { readMemory } from '../postgres/read-memory.ts'
import type { InboxMemory } from '../postgres/read-memory.ts'
import { updateAction } from '../postgres/update-action.ts'
import type { Query } from '../postgres/query.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import { holdParked } from './hold-parked.ts'
import type { Hold } from './hold-parked.ts'
import { matches, readParked } from './read-parked.ts'
import type { ResolvedRedriveOptions } from './redrive-options.ts'
import { mayBeForgotten } from './retention.ts'
import type { Recipient, Retention } from './retention.ts'
import type { RedriveProgress, RedriveResult } from './types.ts'

/** What a redrive works with. */
export interface RedriveContext {
  readonly queue: string
  readonly parkingQueue: string
  /** The connection of now: credentials may be rotated while a redrive runs. */
  readonly connect: () => Promise<LiveConnection>
  readonly publisher: Publisher
  readonly query: Query
  readonly schema: string
  readonly reporter: Reporter
  readonly retention: Retention | undefined
  readonly recipient: Recipient | undefined
}

/** Messages are held no longer than about a minute at a time, far below any consumer timeout. */
const ROUND_MS = 60_000
const ROUND_MESSAGES_MAX = 1_000
/** How often the audit and the growth of the parking queue are looked at. */
const CHECK_EVERY = 20

type Outcome = RedriveResult['outcome']

/** One redrive, from its audit row to its result. */
export class Redrive {
  readonly #context: RedriveContext
  readonly #options: ResolvedRedriveOptions
  readonly #reasons: Record<string, number> = {}
  readonly #startedAt = performance.now()
  #id: string | undefined
  #examined = 0
  #moved = 0
  #refused = 0
  #grown = 0
  #budget = Infinity

  constructor(context: RedriveContext, options: ResolvedRedriveOptions) {
    this.#context = context
    this.#options = options
  }

  async run(): Promise<RedriveResult> {
    const { query, schema, queue } = this.#context
    const { dryRun, actor, reason, where, limit, ratePerS, force } = this.#options
    if (!dryRun) {
      const filter = { where, limit, ratePerS }
      const action = { action: 'redrive', queue, actor, reason, filter, forced: force } as const
      this.#id = await beginAction(query, schema, action)
    }
    try {
      const outcome = await this.#rounds()
      await this.#audit(outcome)
      return { outcome, ...this.#progress(0), redriveId: this.#id, reasons: this.#reasons }
    } catch (error) {
      await this.#audit('failed', error).catch(() => {})
      throw error
    }
  }

  /** Each round takes the first messages in hand, moves what it may, and gives the rest back. */
  async #rounds(): Promise<Outcome> {
    const { dryRun, limit, signal } = this.#options
    for (;;) {
      if (signal?.aborted === true) return 'interrupted'
      const before = this.#moved
      const live = await this.#context.connect()
      const stopped = await this.#roundOn(live)
      if (stopped !== undefined) return stopped
      // What it did not come to is there for the connection that took the place of this one.
      if (!dryRun && live.retired.aborted) continue
      if (dryRun || this.#moved === before || this.#moved >= limit) return 'done'
      // What was parked again lies behind what was there at first; it is not sent back twice.
      if (this.#moved >= this.#budget) return 'done'
    }
  }

  /**
   * A round ends early on a connection whose credentials were replaced, and is no failure when that is
   * closed under it. What was confirmed and not yet acknowledged then is moved once more.
   */
  async #roundOn(live: LiveConnection): Promise<Outcome | undefined> {
    try {
      return await this.#round(live)
    } catch (error) {
      if (this.#options.dryRun || !live.retired.aborted) throw error
      return undefined
    }
  }

  async #round(live: LiveConnection): Promise<Outcome | undefined> {
    const { query, schema, parkingQueue } = this.#context
    const { dryRun, limit, ratePerS } = this.#options
    const memory = await readMemory(query, schema)
    const perRound = Math.ceil((ratePerS * ROUND_MS) / 1_000)
    const most = dryRun ? limit : Math.min(limit - this.#moved, ROUND_MESSAGES_MAX, perRound)
    const movedBefore = this.#moved
    let refused = 0
    const wants = (message: ConsumeMessage): boolean => {
      const verdict = this.#judge(message, memory)
      if (verdict === 'refuse') refused += 1
      if (verdict === 'move' && dryRun) this.#count(message)
      return verdict === 'move' && !dryRun
    }
    const hold = { keepMax: most, wants }
    return await holdParked(live.model, parkingQueue, hold, async (held) => {
      this.#examined = movedBefore + held.examined
      this.#refused = refused
      this.#budget = Math.min(this.#budget, movedBefore + held.ready)
      return await this.#moveAll(held, live.retired)
    })
  }

  #judge(message: ConsumeMessage, memory: InboxMemory): 'move' | 'refuse' | 'leave' {
    const { queue, retention, recipient } = this.#context
    const { where, force, dryRun, limit } = this.#options
    const parked = readParked(message)
    // Several work queues may share a parking queue.
    if (parked.queue !== undefined && parked.queue !== queue) return 'leave'
    if (this.#id !== undefined && parked.redriveId === this.#id) return 'leave'
    if (dryRun && this.#moved >= limit) return 'leave'
    if (!matches(parked, where, memory.nowMs)) return 'leave'
    if (!force && mayBeForgotten(parked, memory, retention, recipient)) return 'refuse'
    return 'move'
  }

  async #moveAll(held: Hold, retired: AbortSignal): Promise<Outcome | undefined> {
    const { ratePerS, signal } = this.#options
    const ends = signal === undefined ? retired : AbortSignal.any([signal, retired])
    for (const message of held.kept) {
      const dueMs = (this.#moved * 1_000) / ratePerS
      const waitMs = this.#startedAt + dueMs - performance.now()
      if (waitMs > 0) await pause(waitMs, ends)
      if (signal?.aborted === true) return 'interrupted'
      if (retired.aborted) break
      await this.#move(held, message)
      if (this.#moved % CHECK_EVERY === 0 && (await this.#tooMuchCameBack(held)))
        return 'parked-again'
      this.#tell()
    }
    this.#grown += await held.grownBy()
    return undefined
  }

  /** Confirmed there before it is acknowledged here: a crash in between leaves two, never none. */
  async #move(held: Hold, message: ConsumeMessage): Promise<void> {
    const { publisher, queue, reporter } = this.#context
    const { reason, id } = readParked(message)
    await publisher.publish(forRedrive(message, queue, reason, this.#id ?? ''))
    await reporter.probe('redrive.confirmed', id)
    held.ack(message)
    await reporter.probe('redrive.acked', id)
    this.#count(message)
  }

  #count(message: ConsumeMessage): void {
    const { reason } = readParked(message)
    this.#moved += 1
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
  }

  async #tooMuchCameBack(held: Hold): Promise<boolean> {
    const grown = await held.grownBy()
    await this.#audit('running', undefined, grown)
    if (this.#grown + grown <= this.#moved * this.#options.maxParkedAgainRatio) return false
    this.#grown += grown
    return true
  }

  #tell(): void {
    try {
      this.#options.onProgress?.(this.#progress(0))
    } catch {
      // Somebody's display; the messages in hand matter more.
    }
  }

  #progress(growing: number): RedriveProgress {
    return {
      examined: this.#examined,
      moved: this.#moved,
      refused: this.#refused,
      parkedAgain: this.#grown + growing,
    }
  }

  async #audit(
    outcome: Outcome | 'running' | 'failed',
    error?: unknown,
    growing = 0,
  ): Promise<void> {
    if (this.#id === undefined) return
    const { query, schema } = this.#context
    await updateAction(query, schema, this.#id, {
      outcome,
      ...this.#progress(growing),
      ...(error === undefined ? {} : { error: errorText(error) }),
    })
  }
}
