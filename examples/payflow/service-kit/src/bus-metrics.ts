import type { Bus } from '@payflow/queue'
import type { Registry } from 'prom-client'
import { oncePerScrape, registerGauge } from './gauges.ts'

/** Exports what waits in the outbox of a database. */
export function registerOutboxMetrics(registry: Registry, bus: Pick<Bus, 'outboxDepth'>): void {
  const depth = oncePerScrape(() => bus.outboxDepth())
  const gauges = [
    {
      name: 'payflow_outbox_pending',
      help: 'Messages the broker has not confirmed',
      value: async () => (await depth()).pending,
    },
    {
      name: 'payflow_outbox_oldest_seconds',
      help: 'Age of the oldest unconfirmed message, or 0',
      value: async () => (await depth()).oldestAgeMs / 1_000,
    },
    {
      name: 'payflow_outbox_parked',
      help: 'Messages the broker refused too often; a person has to look',
      value: async () => (await depth()).parked,
    },
  ]
  for (const { name, help, value } of gauges) {
    registerGauge(registry, { name, help }, async (set) => set({}, await value()))
  }
}
