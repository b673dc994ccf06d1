import type { Kysely } from 'kysely'
import type { BrokerConnection } from '../broker/connection.ts'
import type { Publisher } from '../broker/publisher.ts'
import { defaultParkingQueue } from '../broker/topology.ts'
import type { QueueSpec, TopologySpec } from '../broker/topology.ts'
import { BrokerUnavailableError } from '../errors.ts'
import type { BusOptions } from '../options.ts'
import type { Query } from '../postgres/query.ts'
import type { Reporter } from '../reporter.ts'
import { invalidOption, requireQueueName, within } from '../resolve-options.ts'
import type { ResolvedConsumerOptions } from '../resolve-options.ts'
import type { ConsumerHealth } from '../types.ts'
import { ParkedQueue } from './parked-queue.ts'
import { ParkedOutboxRows } from './parked-rows.ts'
import { planTopology } from './plan-topology.ts'
import { reconcile } from './reconcile.ts'
import { longestRunMs, proveRetention } from './retention.ts'
import type { Retention } from './retention.ts'
import { sweepAccounts, sweepMessages } from './sweep.ts'
import type { Reconciliation, SweepOptions, SweepResult, TopologyPlan } from './types.ts'
import { Upkeep } from './upkeep.ts'

interface OperatorParts {
  readonly db: Kysely<any>
  readonly query: Query
  readonly schema: string
  readonly consume: BrokerConnection
  readonly publisher: Publisher
  readonly reporter: Reporter
  readonly retention: Retention | undefined
  readonly auditRetentionMs: number
  readonly sweepEveryMs: number
  readonly deliveryLimitLifted: boolean
  readonly bindings: readonly QueueSpec[]
  readonly consumers: () => readonly ResolvedConsumerOptions[]
  readonly health: () => readonly ConsumerHealth[]
  readonly wake: () => void
}

const LONGEST_MS = 3_153_600_000_000

/**
 * A year and a day: PCI DSS v4.0, requirement 10.5.1, has an audit kept for at least twelve months.
 * https://www.pcisecuritystandards.org/document_library/
 */
const AUDIT_RETENTION_MS = 31_622_400_000
const SWEEP_EVERY_MS = 3_600_000

/** The options of a bus about what is kept, and for how long. */
export function resolveUpkeep(
  options: BusOptions<any>,
): Pick<OperatorParts, 'retention' | 'auditRetentionMs' | 'sweepEveryMs'> {
  const { auditRetentionMs = AUDIT_RETENTION_MS, sweepEveryMs = SWEEP_EVERY_MS } = options
  return {
    retention: resolveRetention(options),
    auditRetentionMs: within('auditRetentionMs', auditRetentionMs, 86_400_000, LONGEST_MS),
    sweepEveryMs: within('sweepEveryMs', sweepEveryMs, 1_000, 86_400_000),
  }
}

/** How long the inbox remembers, if not for ever. */
function resolveRetention(options: BusOptions<any>): Retention | undefined {
  const { inboxRetentionMs, redriveWindowMs } = options
  if (inboxRetentionMs === undefined) {
    if (redriveWindowMs === undefined) return undefined
    throw invalidOption('redriveWindowMs', 'given together with inboxRetentionMs')
  }
  return {
    inboxRetentionMs: within('inboxRetentionMs', inboxRetentionMs, 1_000, LONGEST_MS),
    redriveWindowMs: within('redriveWindowMs', redriveWindowMs ?? 604_800_000, 0, LONGEST_MS),
  }
}

/** What a bus does for the people who run it. */
export class Operator {
  readonly #parts: OperatorParts
  readonly #upkeep: Upkeep

  constructor(parts: OperatorParts) {
    this.#parts = parts
    this.#upkeep = new Upkeep({
      query: parts.query,
      schema: parts.schema,
      reporter: parts.reporter,
      consumers: () => parts.health().filter(({ state }) => state !== 'idle'),
      sweepEveryMs: parts.sweepEveryMs,
      sweep: async (signal) => {
        const { query, schema, auditRetentionMs } = parts
        if (parts.retention === undefined) await sweepAccounts(query, schema, auditRetentionMs)
        else await this.sweep({ signal })
      },
    })
  }

  /** @throws {@link QueueError} when the inbox would forget what this consumer may still be given. */
  accept(consumer: ResolvedConsumerOptions): void {
    if (this.#parts.retention !== undefined) proveRetention(this.#parts.retention, consumer)
  }

  /** A consumer or a relay works: keeps their counts, and the tables from growing for ever. */
  started(): void {
    this.#upkeep.start()
  }

  /** Writes the last counts down. */
  async stop(): Promise<void> {
    await this.#upkeep.stop()
  }

  parked(queue: string): ParkedQueue {
    requireQueueName('queue', queue)
    const { consume, consumers, bindings } = this.#parts
    const consumer = consumers().find((one) => one.queue === queue)
    const named = consumer ?? bindings.find((one) => one.queue === queue)
    return new ParkedQueue({
      ...this.#parts,
      queue,
      parkingQueue: named?.parkingQueue ?? defaultParkingQueue(queue),
      connection: consume,
      recipient:
        consumer === undefined ? undefined : { name: consumer.name, runMs: longestRunMs(consumer) },
    })
  }

  outboxParked(): ParkedOutboxRows {
    const { db, schema, wake } = this.#parts
    return new ParkedOutboxRows({ db, schema, onRequeued: wake })
  }

  async reconcile(): Promise<Reconciliation> {
    const { query, schema } = this.#parts
    await this.#upkeep.save()
    return await reconcile(query, schema)
  }

  async sweep(options: SweepOptions = {}): Promise<SweepResult> {
    const { query, schema, retention, auditRetentionMs, consumers } = this.#parts
    const retentionMs = options.retentionMs ?? retention?.inboxRetentionMs
    if (retentionMs === undefined) {
      throw invalidOption('retentionMs', 'given, since this bus has no inboxRetentionMs')
    }
    within('retentionMs', retentionMs, 1_000, LONGEST_MS)
    const kept = { redriveWindowMs: 0, ...retention, inboxRetentionMs: retentionMs }
    for (const consumer of consumers()) proveRetention(kept, consumer)
    const names = consumers().map(({ name }) => name)
    const { signal } = options
    const swept = await sweepMessages(query, schema, names, { retentionMs, signal })
    return { ...swept, actionRows: await sweepAccounts(query, schema, auditRetentionMs) }
  }

  async plan(topology: TopologySpec, timeoutMs: number): Promise<TopologyPlan> {
    const live = await this.#parts.consume.waitUp(AbortSignal.timeout(timeoutMs))
    if (live === undefined) {
      throw new BrokerUnavailableError(`There was no connection to the broker in ${timeoutMs} ms`)
    }
    return await planTopology(live.model, topology)
  }
}
