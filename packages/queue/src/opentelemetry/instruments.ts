import type {
  Attributes,
  BatchObservableResult,
  Counter,
  Histogram,
  Meter,
  ObservableGauge,
} from '@opentelemetry/api'
import type { BusEvent } from '../events.ts'
import type { ConsumedRef, ObservedBus } from '../telemetry.ts'
import { errorType, operation } from './attributes.ts'

/** A handler takes a millisecond, or as long as another system lets it wait. */
const durationBoundariesS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

/** Reasons of our own; a reason a handler makes up may be any text. */
const parkReasons = new Set([
  'undecodable',
  'schema-invalid',
  'unknown-type',
  'unknown-version',
  'id-reuse',
  'attempts-exhausted',
])

/** Everything that is counted and measured, made once. No attribute is an id. */
export class Instruments {
  readonly #meter: Meter
  readonly #events: Counter
  readonly #sent: Counter
  readonly #consumed: Counter
  readonly #process: Histogram
  readonly #gauges: Record<
    'pending' | 'parked' | 'age' | 'inFlight' | 'blockedLanes' | 'lag',
    ObservableGauge
  >

  constructor(meter: Meter) {
    this.#meter = meter
    this.#events = meter.createCounter('payflow.queue.events', {
      description: 'What happened inside a bus',
      unit: '{event}',
    })
    this.#sent = meter.createCounter('messaging.client.sent.messages', {
      description: 'Messages the broker confirmed, or refused (error.type)',
      unit: '{message}',
    })
    this.#consumed = meter.createCounter('messaging.client.consumed.messages', {
      description: 'Deliveries that were settled, by what became of them',
      unit: '{message}',
    })
    this.#process = meter.createHistogram('messaging.process.duration', {
      description: 'From the start of a handler to the settlement of its delivery',
      unit: 's',
      advice: { explicitBucketBoundaries: durationBoundariesS },
    })
    const gauge = (name: string, unit: string, description: string): ObservableGauge =>
      meter.createObservableGauge(`payflow.queue.${name}`, { unit, description })
    this.#gauges = {
      pending: gauge('outbox.pending', '{message}', 'Rows of the outbox that wait to be sent'),
      parked: gauge('outbox.parked', '{message}', 'Rows the broker refused too often'),
      age: gauge('outbox.age', 's', 'Age of the oldest row that waits'),
      inFlight: gauge('in_flight', '{message}', 'Delivered and not settled yet'),
      blockedLanes: gauge('lanes.blocked', '{lane}', 'Keys whose messages wait for a failed one'),
      lag: gauge('loop.lag', 's', 'Longest delay of the event loop in the last minute or two'),
    }
  }

  event(event: BusEvent): void {
    const attributes: Attributes = { event: event.type }
    if ('consumer' in event) attributes['messaging.consumer.group.name'] = event.consumer
    if (event.type === 'message.parked') {
      attributes['reason'] = parkReasons.has(event.reason) ? event.reason : 'other'
    } else if (event.type === 'consumer.interrupted') attributes['reason'] = event.reason
    if ('purpose' in event) attributes['purpose'] = event.purpose
    this.#events.add(1, attributes)
  }

  sent(name: 'publish' | 'relay', messages: number, error?: unknown): void {
    if (messages === 0) return
    const failure: Attributes = error === undefined ? {} : { 'error.type': errorType(error) }
    this.#sent.add(messages, { ...operation(name, 'send'), ...failure })
  }

  consumed(consumer: { readonly name: string }, result: ConsumedRef, durationS: number): void {
    const { outcome, error } = result
    const attributes: Attributes = {
      ...operation('process', 'process'),
      'messaging.consumer.group.name': consumer.name,
      'payflow.queue.outcome': outcome,
    }
    if (outcome !== 'committed' && outcome !== 'duplicate') {
      attributes['error.type'] = errorType(error)
    }
    this.#consumed.add(1, attributes)
    this.#process.record(durationS, attributes)
  }

  /** Asks the bus whenever metrics are collected. */
  observe(bus: ObservedBus): () => void {
    const gauges = Object.values(this.#gauges)
    const ask = (result: BatchObservableResult): Promise<void> => this.#ask(bus, result)
    this.#meter.addBatchObservableCallback(ask, gauges)
    return () => this.#meter.removeBatchObservableCallback(ask, gauges)
  }

  async #ask(bus: ObservedBus, result: BatchObservableResult): Promise<void> {
    const { inFlight, blockedLanes, pending, parked, age, lag } = this.#gauges
    const { consumers, loop } = bus.health()
    result.observe(lag, loop.maxMs / 1_000)
    for (const { name, counts, lanes } of consumers) {
      const attributes = { 'messaging.consumer.group.name': name }
      result.observe(inFlight, counts.inFlight, attributes)
      if (lanes !== undefined) result.observe(blockedLanes, lanes.blockedCount, attributes)
    }
    // A database that does not answer leaves these three out of this collection.
    const depth = await bus.outboxDepth().catch(() => undefined)
    if (depth === undefined) return
    result.observe(pending, depth.pending)
    result.observe(parked, depth.parked)
    result.observe(age, depth.oldestAgeMs / 1_000)
  }
}
