import { Counter, Gauge, type Registry } from 'prom-client'
import type { HashGate } from './hash-gate.ts'

/** How an attempt to log in ended. */
export type LoginOutcome = 'ok' | 'wrong' | 'locked'

/** Counts attempts to log in. */
export type LoginCounter = (outcome: LoginOutcome) => void

/** Exports how many log in, how many guess, and how busy hashing is. */
export function registerAuthMetrics(registry: Registry, gate: HashGate): LoginCounter {
  const registers = [registry]
  const logins = new Counter({
    name: 'payflow_logins_total',
    help: 'Attempts to log in by how they ended; locked: the password was not looked at',
    labelNames: ['outcome'] as const,
    registers,
  })
  new Gauge({
    name: 'payflow_password_hashes',
    help: 'Passwords that are being hashed, or wait for it',
    labelNames: ['state'] as const,
    registers,
    collect() {
      this.set({ state: 'running' }, gate.running)
      this.set({ state: 'waiting' }, gate.waiting)
    },
  })
  let seen = 0
  new Counter({
    name: 'payflow_password_hashes_refused_total',
    help: 'Passwords that were not hashed because too many waited',
    registers,
    collect() {
      this.inc(gate.refused - seen)
      seen = gate.refused
    },
  })
  return (outcome) => logins.inc({ outcome })
}
