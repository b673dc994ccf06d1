import type { StreamEnd } from '@payflow-app/service-kit'
import { Counter, Gauge, type Registry } from 'prom-client'

/** What is counted about streams of events. */
export interface EventStreamCounters {
  closed(why: StreamEnd | 'gone'): void
  refused(by: 'user' | 'process'): void
}

/** Registers the metrics of the streams of this process. */
export function registerEventStreamMetrics(
  registry: Registry,
  read: { readonly open: () => number; readonly watched: () => number },
): EventStreamCounters {
  const registers = [registry]
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  gauge('payflow_event_streams', 'Streams of payment events that are open', read.open)
  gauge('payflow_event_payments_watched', 'Payments somebody follows', read.watched)
  const closed = new Counter({
    name: 'payflow_event_streams_closed_total',
    help: 'Streams by what ended them; gone: the client did',
    labelNames: ['why'] as const,
    registers,
  })
  const refused = new Counter({
    name: 'payflow_event_streams_refused_total',
    help: 'Streams that were refused, by whose limit it was',
    labelNames: ['by'] as const,
    registers,
  })
  return {
    closed: (why) => closed.inc({ why }),
    refused: (by) => refused.inc({ by }),
  }
}
