import type { Kysely } from 'kysely'
import { backoffMs, pause } from '../backoff.ts'
import type { Publisher } from '../broker/publisher.ts'
import { adoptClaims } from '../postgres/adopt-claims.ts'
import { claimBatch } from '../postgres/claim-batch.ts'
import type { ClaimedRow } from '../postgres/claim-batch.ts'
import { deleteSettled } from '../postgres/delete-settled.ts'
import { foldOutboxRemoved } from '../postgres/fold-outbox-removed.ts'
import { freeRows } from '../postgres/free-rows.ts'
import { holdRows } from '../postgres/hold-rows.ts'
import { leasePartitions } from '../postgres/lease-partitions.ts'
import { isSerializationFailure } from '../postgres/pg-errors.ts'
import type { Query } from '../postgres/query.ts'
import { releasePartitions } from '../postgres/release-partitions.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { BusTelemetry, OutgoingRef } from '../telemetry.ts'
import { uuidv7 } from '../uuid.ts'
import { exhausted, recordConfirmed, recordRefused } from './record-batch.ts'
import { SendingRound } from './round.ts'
import type { Claimed, Confirmed, SentBatch, Unconfirmed } from './round.ts'
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
  /** Our partitions, each with the epoch of its lease. */
  #leases: ReadonlyMap<number, string> = new Map()
  /** By the monotonic clock, from before the lease was asked for: ours is never the longer one. */
  #leasedUntil = 0
  #leasing: Promise<void> | undefined
  #confirmed = 0
  #refused = 0
  #parked = 0
  #lastError: string | undefined

  readonly #recording: Parameters<typeof recordConfirmed>[0]

  constructor(parts: RelayParts) {
    this.#parts = parts
    const { db, schema, options } = parts
    const { maxAttempts, onConfirmed, retentionMs } = options
    const keep = retentionMs > 0
    this.#recording = { db, schema, relay: this.#owner, maxAttempts, keep, onConfirmed }
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
      leasedPartitions: this.#isLapsed ? 0 : this.#leases.size,
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
    let mayHaveClaims = true
    while (!signal.aborted) {
      try {
        // Without a broker nothing is claimed: what waits stays cancellable.
        if (!(await publisher.waitReady(signal))) break
        // One that is under way may have been asked for too long ago.
        if (this.#isLapsed) await this.#leasing
        if (this.#isLapsed) await this.#lease()
        // Of what a round that failed had in hand nobody knows how far it came.
        if (mayHaveClaims) await this.#adopt(false)
        mayHaveClaims = true
        const rows = this.#leases.size === 0 ? 0 : await this.#sendRound(signal)
        mayHaveClaims = false
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
    // Or it would take again what is given back.
    await this.#leasing?.catch(() => {})
    await releasePartitions(query, schema, this.#owner).catch(() => {})
    this.#leasedUntil = 0
  }

  get #isLapsed(): boolean {
    return performance.now() >= this.#leasedUntil
  }

  /** Once at a time: of two, each would skip what the other has locked and take it for lost. */
  #lease(): Promise<void> {
    this.#leasing ??= this.#askForLeases().finally(() => (this.#leasing = undefined))
    return this.#leasing
  }

  async #askForLeases(): Promise<void> {
    const { query, schema, options } = this.#parts
    const askedAt = performance.now()
    const leases = await leasePartitions(query, schema, {
      owner: this.#owner,
      leaseMs: options.leaseMs,
      limit: options.partitions,
    })
    this.#leases = new Map(leases.map(({ partition, epoch }) => [partition, epoch]))
    this.#leasedUntil = askedAt + options.leaseMs
  }

  /** Sends what the outbox holds; answers how many rows are done with. */
  async #sendRound(signal: AbortSignal): Promise<number> {
    const { publisher, options } = this.#parts
    const lost: ClaimedRow[] = []
    const heldKeys = new Set<string>()
    const inHand = new Set<string>()
    let isRetired = true
    const round = new SendingRound({
      publisher,
      window: options.batchSize,
      signal,
      claim: async () => {
        isRetired = false
        return await this.#claim(inHand, heldKeys)
      },
      maySend: (row) => this.#isOurs(row) && !this.#isLapsed,
      record: async (confirmed, isAll) => {
        // Of a row that was lost it must stay known that it was in hand, however the rest ends.
        const retire = isAll && lost.length === 0
        isRetired = (await this.#recordConfirmed(confirmed, lost, retire)) && retire
        for (const { row } of confirmed) inHand.delete(row.seq)
      },
    })
    const { confirmed, refused, unknown } = await round.run()
    if (refused.length > 0) await this.#recordRefused(refused)
    const held = [...refused, ...unknown].map(({ row }) => row)
    if (!isRetired) await this.#hold([...held, ...lost])
    const [trouble] = unknown
    if (trouble !== undefined) throw trouble.error
    return confirmed + refused.length
  }

  /** The lease it was claimed under is the one we have. */
  #isOurs(row: ClaimedRow): boolean {
    return this.#leases.get(row.partition) === row.epoch
  }

  async #claim(inHand: Set<string>, heldKeys: Set<string>): Promise<Claimed> {
    const { query, schema, reporter, telemetry, options } = this.#parts
    const leases = [...this.#leases].map(([partition, epoch]) => ({ partition, epoch }))
    const limit = options.batchSize
    const relay = this.#owner
    const claimed = await claimBatch(query, schema, { relay, leases, inHand, heldKeys, limit })
    const free = claimed.length === 0 ? [] : await freeRows(query, schema, claimed)
    const rows = free === claimed ? claimed : withoutHeld(claimed, new Set(free), heldKeys)
    const sendable = heldKeys.size === 0 ? rows : rows.filter((row) => !heldKeys.has(row.key))
    const { promise, resolve: settled } = Promise.withResolvers<SentBatch>()
    if (sendable.length > 0) {
      await reporter.probe('relay.claimed', ids(sendable))
      void telemetry.relaying(sendable.map(reference), () => promise)
    }
    for (const row of sendable) inHand.add(row.seq)
    return { rows: sendable, isFull: claimed.length === limit, settled }
  }

  async #recordConfirmed(
    confirmed: readonly Confirmed[],
    lost: ClaimedRow[],
    retire: boolean,
  ): Promise<boolean> {
    const { reporter } = this.#parts
    const durationMs = performance.now() - Math.min(...confirmed.map(({ sentAt }) => sentAt))
    const rows = confirmed.map(({ row }) => row)
    await reporter.probe('relay.confirmed', ids(rows))
    const ours = rows.filter((row) => this.#isOurs(row))
    const isAll = ours.length === rows.length
    const isMarked = await recordConfirmed(this.#recording, ours, retire && isAll)
    if (!isMarked || !isAll) lost.push(...rows)
    await reporter.probe('relay.marked', ids(rows))
    this.#confirmed += rows.length
    this.#lastError = undefined
    reporter.emit({ type: 'relay.confirmed', rows: rows.length, durationMs })
    return isMarked && isAll
  }

  async #recordRefused(refused: readonly Unconfirmed[]): Promise<void> {
    const { reporter, options } = this.#parts
    await recordRefused(this.#recording, refused)
    for (const { row, error } of refused) {
      const parked = exhausted(row, error, options.maxAttempts)
      this.#refused += 1
      if (parked) this.#parked += 1
      this.#lastError = errorText(error)
      reporter.emit({ type: parked ? 'relay.parked' : 'relay.refused', id: row.messageId, error })
    }
  }

  async #hold(rows: readonly ClaimedRow[]): Promise<void> {
    const { query, schema } = this.#parts
    await holdRows(query, schema, this.#owner, rows)
  }

  async #adopt(ofTheDead: boolean): Promise<void> {
    const { query, schema } = this.#parts
    await adoptClaims(query, schema, this.#owner, { ofTheDead })
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

  async #tidyUp(): Promise<void> {
    const { query, schema } = this.#parts
    await this.#adopt(true).catch((error: unknown) => {
      // Its relay is not dead and marks those very rows, in the other order: another time.
      if (!isSerializationFailure(error)) throw error
    })
    await foldOutboxRemoved(query, schema)
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
        else await this.#tidyUp()
      } catch (error) {
        reporter.emit({ type: 'relay.failed', error })
      }
      await pause(restMs, signal)
    }
  }
}

/** Someone is cancelling a row, and may yet think better of it: the rest of its key waits for that. */
function withoutHeld(
  claimed: readonly ClaimedRow[],
  free: ReadonlySet<ClaimedRow>,
  heldKeys: Set<string>,
): readonly ClaimedRow[] {
  return claimed.filter((row) => {
    if (!free.has(row)) heldKeys.add(row.key)
    return !heldKeys.has(row.key)
  })
}

function reference(row: ClaimedRow): OutgoingRef {
  const { exchange, routingKey, messageId, type, headers } = row
  return { exchange, routingKey, messageId, messageType: type, headers }
}

function ids(rows: readonly ClaimedRow[]): readonly string[] {
  return rows.map((row) => row.messageId)
}
