import type pg from 'pg'
import type { Registry } from 'prom-client'
import { registerGauge } from './gauges.ts'

/** Exports how much of a pool is in use, and how many wait for a connection. */
export function registerPoolMetrics(
  registry: Registry,
  pool: Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount' | 'options'>,
): void {
  const connections = {
    name: 'payflow_database_connections',
    help: 'Connections of the pool by what they do',
    labelNames: ['state'],
  }
  registerGauge(registry, connections, (set) => {
    set({ state: 'in_use' }, pool.totalCount - pool.idleCount)
    set({ state: 'idle' }, pool.idleCount)
  })
  const most = { name: 'payflow_database_connections_max', help: 'Connections at most' }
  registerGauge(registry, most, (set) => set({}, pool.options.max))
  const waiting = {
    name: 'payflow_database_waiting_statements',
    help: 'Statements and transactions that wait for a connection',
  }
  registerGauge(registry, waiting, (set) => set({}, pool.waitingCount))
}
