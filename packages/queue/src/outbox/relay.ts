import type { Kysely } from 'kysely'
import { backoffMs, pause } from '../backoff.ts'
import type { Publisher } from '../broker/publisher.ts'
import { claimBatch } from '../postgres/claim-batch.ts'
import type { ClaimedRow } from '../postgres/claim-batch.ts'
import { deleteSettled } from '../postgres/delete-settled.ts'
import { leasePartitions } from '../postgres/lease-partitions.ts'
import type { Query } from '../postgres/query.ts'
import { releasePartitions } from '../postgres/release-partitions.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { BusTelemetry, OutgoingRef } from '../telemetry.ts'
import { uuidv7 } from '../uuid.ts'
import { exhausted, recordBatch } from './record-batch.ts'
import { sendBatch } from './send-batch.ts'
import type { SentBatch } from './send-batch.ts'
import type { Relay, RelayHealth, RelayOptions } from './types.ts'

/** {@link RelayOptions} with every default filled in. */
export interface ResolvedRelayOptions {
  readonly batchSize: number
  readonly partitions: number
  readonly pollMs: number
  readonly leaseMs: number
  readonly maxAttempts: number
  readonly retentionMs: number
  readonly onConfirmed: RelayOptions['onConfirmed']
}

interface RelayParts {
  readonly db: Kysely<any>
  readonly query: Query
  readonly schema: string
  readonly publisher: Publisher
  readonly reporter: Reporter
  readonly telemetry: BusTelemetry
  readonly options: ResolvedRelayOptions
}

const TROUBLE = { baseMs: 100, maxMs: 5_000 }
const CLEANUP_EVERY_MS = 60_000
/** So many rows a statement, and as long a rest after each: sending has at least half of the time. */
const CLEANUP_ROWS = 1_000

/** Sends what the outbox holds; see {@link Relay} for what it promises. */
export class OutboxRelay implements Relay {
  readonly #parts: RelayParts
  readonly #owner = uuidv7()
  #stop: AbortController | undefined
  #loop: Promise<void> | undefined
  #woken = false
  #wakeSleeper: (() => void) | undefined
  #leased = 0
  /** By the monotonic clock, from before the lease was asked for: ours is never the longer one. */
  #leasedUntil = 0
  #confirmed = 0
  #refused = 0
  #parked = 0
  #lastError: string | undefined

  constructor(parts: RelayParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#stop !== undefined) return
    this.#stop = new AbortController()
    this.#loop = this.#run(this.#stop.signal)
  }

  wake(): void {
    this.#woken = true
    this.#wakeSleeper?.()
  }

  async stop(): Promise<void> {
    this.#stop?.abort()
    this.wake()
    await this.#loop
    this.#stop = undefined
  }

  health(): RelayHealth {
    return {
      running: this.#stop !== undefined && !this.#stop.signal.aborted,
      leasedPartitions: performance.now() < this.#leasedUntil ? this.#leased : 0,
      confirmed: this.#confirmed,
      refused: this.#refused,
      parked: this.#parked,
      lastError: this.#lastError,
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { publisher, query, schema, reporter } = this.#parts
    const { leaseMs } = this.#parts.options
    const cleaning = this.#cleanUp(signal)
    // The lease is renewed beside the loop, which may wait long for confirms.
    const renewal = setInterval(() => void this.#lease().catch(() => {}), leaseMs / 3)
    let failures = 0
    while (!signal.aborted) {
      try {
        // Without a broker nothing is claimed: what waits stays cancellable.
        if (!(await publisher.waitReady(signal))) break
        if (performance.now() >= this.#leasedUntil) await this.#lease()
        const rows = this.#leased === 0 ? 0 : await this.#sendNext(signal)
        if (rows === 0) await this.#rest(signal)
        failures = 0
      } catch (error) {
        this.#lastError = errorText(error)
        reporter.emit({ type: 'relay.failed', error })
        await pause(backoffMs(failures, TROUBLE), signal)
        failures += 1
      }
    }
    clearInterval(renewal)
    await cleaning
    await releasePartitions(query, schema, this.#owner).catch(() => {})
    this.#leasedUntil = 0
  }

  async #lease(): Promise<void> {
    const { query, schema, options } = this.#parts
    const askedAt = performance.now()
    const leases = await leasePartitions(query, schema, {
      owner: this.#owner,
      leaseMs: options.leaseMs,
      limit: options.partitions,
    })
    this.#leased = leases.length
    this.#leasedUntil = askedAt + options.leaseMs
  }

  /**
   * Sends batch after batch; answers how many rows are done with. While one is at the broker, the one
   * before is marked and the one after claimed, so that neither waits for the other. A batch in which
   * anything was not confirmed is the last: rows of the same keys may have been claimed behind it, so
   * those go back, and the next round begins with the oldest again.
   */
  async #sendNext(signal: AbortSignal): Promise<number> {
    let rows = await this.#claim([])
    let before: SentBatch | undefined
    let settled = 0
    while (rows.length > 0) {
      const sending = this.#send(rows)
      const [beside, sent] = await Promise.allSettled([
        this.#besideSending(before, rows, signal),
        sending,
      ])
      // Not before the broker has answered: a row must never be in two batches at once.
      if (sent.status === 'rejected') throw sent.reason
      if (beside.status === 'rejected') throw beside.reason
      const batch = sent.value
      settled += batch.confirmed.length + batch.refused.length
      if (batch.confirmed.length < rows.length || signal.aborted) {
        await this.#record({ ...batch, unsent: [...batch.unsent, ...beside.value] })
        const [trouble] = batch.unknown
        if (trouble !== undefined) throw trouble.error
        return settled
      }
      before = batch
      rows = beside.value
    }
    if (before !== undefined) await this.#record(before)
    return settled
  }

  async #besideSending(
    before: SentBatch | undefined,
    inHand: readonly ClaimedRow[],
    signal: AbortSignal,
  ): Promise<ClaimedRow[]> {
    if (before !== undefined) await this.#record(before)
    const isBacklog = inHand.length === this.#parts.options.batchSize
    return isBacklog && !signal.aborted ? await this.#claim(inHand) : []
  }

  async #claim(inHand: readonly ClaimedRow[]): Promise<ClaimedRow[]> {
    const { query, schema, options } = this.#parts
    return await claimBatch(query, schema, this.#owner, options.batchSize, inHand)
  }

  async #send(rows: readonly ClaimedRow[]): Promise<SentBatch> {
    const { publisher, reporter, telemetry } = this.#parts
    await reporter.probe('relay.claimed', ids(rows))
    const batch = await telemetry.relaying(rows.map(reference), () =>
      sendBatch(publisher, rows, () => performance.now() < this.#leasedUntil),
    )
    await reporter.probe('relay.confirmed', ids(batch.confirmed))
    return batch
  }

  async #record(batch: SentBatch): Promise<void> {
    const { db, schema, reporter, options } = this.#parts
    const { maxAttempts, onConfirmed } = options
    await recordBatch({ db, schema, relay: this.#owner, maxAttempts, onConfirmed }, batch)
    await reporter.probe('relay.marked', ids(batch.confirmed))
    this.#account(batch)
  }

  #account(batch: SentBatch): void {
    const { reporter, options } = this.#parts
    this.#confirmed += batch.confirmed.length
    if (batch.confirmed.length > 0) {
      this.#lastError = undefined
      reporter.emit({
        type: 'relay.confirmed',
        rows: batch.confirmed.length,
        durationMs: batch.durationMs,
      })
    }
    for (const { row, error } of batch.refused) {
      const parked = exhausted(row, error, options.maxAttempts)
      this.#refused += 1
      if (parked) this.#parked += 1
      this.#lastError = errorText(error)
      reporter.emit({ type: parked ? 'relay.parked' : 'relay.refused', id: row.id, error })
    }
  }

  /** Waits for a wake-up or the next poll. */
  async #rest(signal: AbortSignal): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      const sleeping = new AbortController()
      this.#wakeSleeper = () => sleeping.abort()
      await pause(this.#parts.options.pollMs, sleeping.signal)
      this.#wakeSleeper = undefined
    }
    this.#woken = false
  }

  /** Deletes what is past its retention, beside the loop: one that is always busy must not keep it. */
  async #cleanUp(signal: AbortSignal): Promise<void> {
    const { query, schema, reporter, options } = this.#parts
    while (!signal.aborted) {
      let restMs = CLEANUP_EVERY_MS
      try {
        const startedAt = performance.now()
        const deleted = await deleteSettled(query, schema, options.retentionMs, CLEANUP_ROWS)
        if (deleted === CLEANUP_ROWS) restMs = performance.now() - startedAt
      } catch (error) {
        reporter.emit({ type: 'relay.failed', error })
      }
      await pause(restMs, signal)
    }
  }
}

function reference(row: ClaimedRow): OutgoingRef {
  const { exchange, routingKey, id, type, headers } = row
  return { exchange, routingKey, messageId: id, messageType: type, headers }
}

function ids(rows: readonly ClaimedRow[]): readonly string[] {
  return rows.map((row) => row.id)
}
